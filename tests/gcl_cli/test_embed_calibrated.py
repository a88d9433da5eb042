"""`gcl embed --calibration`, and what is made of its rows, in this process."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from called import call
from gcl_cli.embed import command as embed_command
from gcl_cli.eval import command as eval_command
from gcl_spec._typing import FloatArray
from gcl_spec.data.root import open_root
from gcl_spec.errors import CheckpointError, ConfigError, DataError
from gcl_spec.evaluate.calibrations.known import apply_to_items
from gcl_spec.evaluate.calibrations.rows import Role
from gcl_spec.progress import Quiet
from gcl_spec.run.calibrated import calibrate
from gcl_spec.run.embedded import StoredItems, load_embeddings, searchable
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.loaded import encode_items, load_run
from gcl_spec.tasks import mixbench
from gcl_spec.tasks.item import Item
from goldens import GOLDENS
from tiles_on_disk import write_data
from trained import trained_run

DATA = GOLDENS / "mixbench"
BENCHMARK = ("--benchmark", "mixbench")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("calibrated") / "run"
    trained_run(path)
    fit(path, most=24)
    return path


def fit(path: Path, most: int) -> None:
    loaded = load_run(path, device="cpu", allow_unverified=True)
    folder = RunFolder.open(path, allow_unverified=True)
    calibrate(folder, loaded, Quiet(), most=most, names=["mean", "cfu+bank"])


@pytest.fixture(scope="module")
def rows(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("rows") / "rows"
    _call(embed_command, run, DATA, path, *BENCHMARK, "--calibration", "cfu+bank", "--shard", 9)
    return path


def _call(command: object, *args: object) -> Result:
    return call(command, *args, "--device", "cpu", "--allow-unverified")


def test_rows_are_those_of_the_calibrated_model(run: Path, rows: Path) -> None:
    shown = _call(eval_command, run, "--embeddings", rows).output
    assert "ndcg-of-found@10" in shown
    loaded = load_run(run, device="cpu", allow_unverified=True, calibration="cfu+bank")
    assert loaded.calibration is not None
    items, root = StoredItems(load_embeddings(rows)), open_root(DATA)

    def encode(asked: Sequence[Item]) -> FloatArray:
        return encode_items(loaded, root, asked, Quiet())

    for task in mixbench.read(root):
        sides: dict[Role, Sequence[Item]] = {"query": task.queries, "candidate": task.candidates}
        for role, side in sides.items():
            found = apply_to_items(loaded.calibration, side, encode, [role])[role]
            # The model pads a batch of other texts to another length.
            np.testing.assert_allclose(items.rows(side, role), found, atol=2e-6)


def test_the_manifest_names_it_and_roles_are_told_apart(rows: Path) -> None:
    found = load_embeddings(rows)
    assert found.manifest.maker.calibration.startswith("cfu+bank ")
    assert found.manifest.width == 64 + 3
    kinds = {kind for shard in searchable(found) for kind in shard.modality}
    assert {"text", "query/text"} <= kinds


def test_another_calibration_is_refused_by_both_names(run: Path, rows: Path) -> None:
    both = r"with calibration cfu\+bank \(\w{12}\), not with calibration mean \(\w{12}\)"
    with pytest.raises(DataError, match=both):
        _call(embed_command, run, DATA, rows, *BENCHMARK, "--calibration", "mean")
    with pytest.raises(DataError, match=r"cfu\+bank \(\w{12}\), not without calibration"):
        _call(embed_command, run, DATA, rows, *BENCHMARK)


def test_what_cannot_be_done_is_told(run: Path, tmp_path: Path) -> None:
    data, out = write_data(tmp_path / "data"), tmp_path / "rows"
    with pytest.raises(CheckpointError, match="has no calibration 'whiten'"):
        _call(embed_command, run, data, out, "--calibration", "whiten")
    with pytest.raises(ConfigError, match="float16 would round too far; use --dtype float32"):
        _call(embed_command, run, data, out, "--calibration", "cfu+bank", "--dtype", "float16")
    _call(embed_command, run, data, out, "--calibration", "mean", "--dtype", "float16")
    with pytest.raises(DataError, match=r"with calibration mean .* of --benchmark alone"):
        _call(eval_command, "--embeddings", out)


def test_a_calibration_that_was_fitted_again_is_another_one(run: Path, rows: Path) -> None:
    fit(run, most=20)
    both = r"with calibration cfu\+bank \(\w{12}\), not with calibration cfu\+bank \(\w{12}\)"
    with pytest.raises(DataError, match=both):
        _call(eval_command, run, "--embeddings", rows)
