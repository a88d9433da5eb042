"""Rows of an ablation from runs that are there, half there, or not there."""

import json
from pathlib import Path

import pytest

from gcl_spec.ablate.ablation import Ablation
from gcl_spec.ablate.cells import Cell, cell_config
from gcl_spec.ablate.rows import rows_of
from gcl_spec.config.options import Config
from gcl_spec.run.folder import RunFolder
from gcl_spec.train.adapter_widths import resolved
from reports import report, write_run


def write_cell(out: Path, cell: Cell, values: list[float] | None, mean: list[float]) -> None:
    run = write_run(cell.folder(out), values, resolved(cell_config(Config(), cell)))
    if values is not None:
        found = {"none": report(values).to_json(), "mean": report(mean).to_json()}
        RunFolder(run).write("calibrated.json", json.dumps(found))


def test_means_over_the_seeds_that_are_done(tmp_path: Path) -> None:
    write_cell(tmp_path, Cell("gcl", "16", 0), [1.0, 0.0], [1.0, 1.0])
    write_cell(tmp_path, Cell("gcl", "16", 1), [1.0, 1.0], [1.0, 1.0])
    write_cell(tmp_path, Cell("gcl", "16", 2), None, [])
    write_run(tmp_path / "start" / "seed-0", [0.5, 0.5])
    ablation = Ablation(tmp_path, Config(), ["clip", "gcl"], ["16"], 3, ["mean"], Config())
    rows = {(row.objective, row.calibration): row for row in rows_of(ablation)}
    assert [*rows] == [
        ("start", "none"), ("clip", "none"), ("clip", "mean"), ("gcl", "none"), ("gcl", "mean"),
    ]  # fmt: skip
    gcl = rows["gcl", "none"]
    assert gcl.seeds == 2
    assert gcl.value("global hit@10") == pytest.approx((0.75, 0.125**0.5))
    assert rows["gcl", "mean"].value("local hit@10") == (1.0, 0.0)
    assert rows["start", "none"].value("local hit@10") == (0.5, None)
    assert rows["clip", "none"].scores is None


def test_without_a_training_first_the_start_is_what_cells_began_with(tmp_path: Path) -> None:
    write_cell(tmp_path, Cell("gcl", "16", 0), None, [])
    ablation = Ablation(tmp_path, Config(), ["gcl"], ["16", "100"], 2, ["mean"])
    start, *others = rows_of(ablation)
    assert (start.objective, start.scale, start.calibration) == ("start", "", "none")
    assert start.value("global hit@10") == (0.0, None)
    assert {row.seeds for row in others} == {0}
