"""Ablations by a backend in NumPy: each cell once, whatever comes between."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fake import FakeBackend
from gcl_spec._files.locks import let_go, lock
from gcl_spec.ablate.ablation import Ablation
from gcl_spec.ablate.cells import Cell
from gcl_spec.ablate.results import calibrated, failure_note
from gcl_spec.ablate.rows import rows_of
from gcl_spec.errors import CheckpointError, ConfigError, StoppedError
from gcl_spec.run.folder import RunFolder
from gcl_spec.train.loop import Loop
from loop_config import Said, fast, numbers
from tiles_on_disk import write_data


@pytest.fixture
def ablation(tmp_path: Path) -> Ablation:
    data = write_data(tmp_path / "tiles")
    base = fast(data, tmp_path / "cache", "train.steps=2", "train.keep=1")
    start = fast(data, tmp_path / "cache", "train.steps=1", "optim.lr=0.1")
    return Ablation(tmp_path / "out", base, ["clip", "gcl"], ["16"], 2, ["mean"], start)


def folders(out: Path) -> list[str]:
    found = (path.parent for path in out.glob("**/after.json"))
    return sorted(path.relative_to(out).as_posix() for path in found)


def test_every_cell_starts_where_its_seed_does_and_is_trained_once(ablation: Ablation) -> None:
    said = Said()
    assert ablation.run(FakeBackend(), said) == []
    assert folders(ablation.out) == [
        "clip/scale-16/seed-0", "clip/scale-16/seed-1", "gcl/scale-16/seed-0",
        "gcl/scale-16/seed-1", "start/seed-0", "start/seed-1",
    ]  # fmt: skip
    cells = ablation.cells()
    for cell in cells:
        run = RunFolder.open(cell.folder(ablation.out))
        begun = RunFolder.open(ablation.out / "start" / f"seed-{cell.seed}").report("after")
        assert run.report("before") == begun
        assert run.config().objective.preset == cell.objective
        assert [*calibrated(run.path)] == ["none", "mean"]
        assert calibrated(run.path)["none"] == run.report("after")
    assert [line for line in said.lines if "of 4:" in line] == [
        f"{n} of 4: {cell.name}" for n, cell in enumerate(cells, 1)
    ]
    again = Said()
    assert ablation.left() == []
    assert ablation.run(FakeBackend(), again) == []
    assert again.lines == []


def test_a_calibration_more_is_fitted_without_another_training(
    ablation: Ablation, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = replace(ablation, seeds=1, objectives=["gcl"], calibrations=(), start=None)
    assert plain.run(FakeBackend(), Said()) == []
    run = plain.cells()[0].folder(plain.out)
    assert calibrated(run) == {}
    monkeypatch.setattr(Loop, "run", None)
    assert plain.left() == []
    more = replace(plain, calibrations=["mean"])
    assert more.left() == more.cells()
    assert more.run(FakeBackend(), Said()) == []
    assert [*calibrated(run)] == ["none", "mean"]


def test_a_stop_ends_all_and_the_same_call_goes_on(
    ablation: Ablation, monkeypatch: pytest.MonkeyPatch
) -> None:
    ablation = replace(ablation, seeds=1, calibrations=())
    whole, train, seen = Ablation.run, Loop.run, list[Path]()

    def stopped(loop: Loop) -> None:
        seen.append(loop.folder.path)
        if len(seen) == 3:
            raise StoppedError("stopped by SIGTERM", resumable=True)
        train(loop)

    monkeypatch.setattr(Loop, "run", stopped)
    with pytest.raises(StoppedError):
        whole(ablation, FakeBackend(), Said())
    assert seen[-1] == Cell("gcl", "16", 0).folder(ablation.out)
    assert not failure_note(seen[-1]).exists(), "a stop is no failure"
    assert whole(ablation, FakeBackend(), Said()) == []
    assert seen.count(seen[0]) == 1
    assert seen.count(seen[2]) == 2
    assert ablation.left() == []


def test_a_cell_that_fails_is_a_row_with_its_reason_and_is_tried_again(
    ablation: Ablation, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, ablation = Loop.run, replace(ablation, seeds=1, calibrations=(), start=None)

    def failing(loop: Loop) -> None:
        if loop.config.objective.preset == "clip":
            raise RuntimeError("CUDA out of memory\nTried to allocate")
        train(loop)

    monkeypatch.setattr(Loop, "run", failing)
    failed = ablation.run(FakeBackend(), Said())
    assert [cell.objective for cell in failed] == ["clip"]
    clip = [row for row in rows_of(ablation) if row.objective == "clip"]
    assert [row.seeds for row in clip] == [0]
    assert clip[0].failed[0].startswith("seed 0: CUDA out of memory")
    assert "\n" not in clip[0].failed[0]
    monkeypatch.undo()
    assert ablation.run(FakeBackend(), Said()) == []
    (row,) = [row for row in rows_of(ablation) if row.objective == "clip"]
    assert (row.seeds, row.failed) == (1, ())


def test_other_processes_are_waited_for_at_the_end(
    ablation: Ablation, monkeypatch: pytest.MonkeyPatch
) -> None:
    ablation = replace(ablation, seeds=1, calibrations=(), start=None)
    seen, number = list[Path](), list[int | None]()
    first = ablation.cells()[0].folder(ablation.out)
    first.parent.mkdir(parents=True)
    held = first.with_name(f"{first.name}.lock")
    held.touch()
    number.append(lock(held, wait=False))
    train = Loop.run

    def noted(loop: Loop) -> None:
        seen.append(loop.folder.path)
        train(loop)
        if loop.folder.path == ablation.cells()[-1].folder(ablation.out):
            let_go(number.pop())

    monkeypatch.setattr(Loop, "run", noted)
    assert ablation.run(FakeBackend(), Said()) == []
    assert seen[-1] == first


def test_a_file_that_is_not_as_it_was_written_is_named(ablation: Ablation) -> None:
    ablation = replace(ablation, seeds=1, objectives=["gcl"], start=None)
    assert ablation.run(FakeBackend(), Said()) == []
    run = ablation.cells()[0].folder(ablation.out)
    path = run / "calibrated.json"
    found = json.loads(path.read_text())
    found["mean"]["results"][0]["queries"] += 1
    path.write_text(json.dumps(found))
    with pytest.raises(CheckpointError, match=r"calibrated\.json: not as it was written"):
        rows_of(ablation)


@pytest.mark.parametrize(
    ("overrides", "names", "reason"),
    [
        (["train.seed=3"], ["mean"], r"leave train\.seed out"),
        (["train.steps=3"], ["mean"], r"seed-0 was started with other .*train\.steps"),
        ([], ["meen"], "meen"),
    ],
)
def test_what_is_refused_before_anything_is_trained(
    ablation: Ablation, overrides: Sequence[str], names: Sequence[str], reason: str, tmp_path: Path
) -> None:
    assert Ablation(
        ablation.out, ablation.base, ["gcl"], ["16"], 1, (), None
    ).run(FakeBackend(), Said()) == []  # fmt: skip
    before = numbers(Cell("gcl", "16", 0).folder(ablation.out))
    base = fast(tmp_path / "tiles", tmp_path / "cache", "train.steps=2", "train.keep=1", *overrides)
    other = Ablation(ablation.out, base, ["gcl"], ["16"], 1, names, None)
    with pytest.raises(ConfigError, match=reason):
        other.run(FakeBackend(), Said())
    assert numbers(Cell("gcl", "16", 0).folder(ablation.out)) == before


def test_biases_at_search_are_for_cells_that_have_them(ablation: Ablation) -> None:
    asked = replace(ablation, objectives=["siglip", "gcl"], calibrations=["bias"])
    with pytest.raises(ConfigError, match="bias: gcl at scale 16, seed 0 was trained without a"):
        asked.cells()
    assert len(replace(asked, objectives=["siglip"]).cells()) == 2
