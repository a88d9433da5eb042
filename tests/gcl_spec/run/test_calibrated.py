"""Calibrations of a run: fitted on its training rows, kept beside it, and for its weights alone."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fake import FakeBackend
from gcl_spec.batch import Batch
from gcl_spec.errors import DataError, InputError
from gcl_spec.progress import Quiet
from gcl_spec.run.calibrated import calibrate, training_rows
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.loaded import load_run
from gcl_spec.train.training import run_training
from loop_config import fast

BACKEND = "fake:FakeBackend"


class Towers:
    """A fake model that takes pixels and tokens."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def encode(self, batch: Batch) -> Any:
        made = {f"{name}/features": x for name, x in self.inner.features(batch).items()}
        return self.inner.encode(replace(batch, inputs=made))


@pytest.fixture(scope="module")
def run(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calibrated")
    sets = ("train.steps=2", "train.save_every=1", "train.keep=2")
    config = fast(data_folder, folder / "cache", *sets)
    run_training(config, FakeBackend(), out=folder / "run")
    found = calibrate(
        RunFolder.open(folder / "run"), load_run(folder / "run", backend=BACKEND), Quiet()
    )
    assert found.rows.keys() == {"image", "text", "image+text"}
    assert not found.bad
    return folder / "run"


def test_rows_are_encoded_with_it(run: Path, data_folder: Path) -> None:
    loaded = load_run(run, backend=BACKEND, calibration="cfu+bank")
    loaded = replace(loaded, trainer=Towers(loaded.trainer))
    picture = str(data_folder / "0.png")
    plain = replace(loaded, calibration=None).encode([picture, None], ["red", "blue"])
    query = loaded.encode([picture, None], ["red", "blue"], role="query")
    assert query.shape == (2, plain.shape[1] + 3)
    candidate = loaded.encode([picture, None], ["red", "blue"], role="candidate")
    assert not np.array_equal(query, candidate)
    with pytest.raises(InputError, match="role='query' or 'candidate'"):
        loaded.encode(None, ["red"])


def test_at_most_so_many_samples(run: Path) -> None:
    rows, _ = training_rows(load_run(run, backend=BACKEND), Quiet(), most=3)
    assert [len(rows[name].whole) for name in ("image", "text", "image+text")] == [3, 3, 3]


def test_unreadable_rows_are_left_out_and_told(
    run: Path, data_folder: Path, tmp_path: Path
) -> None:
    loaded = load_run(run, backend=BACKEND)
    copy = shutil.copytree(data_folder, tmp_path / "rows")
    lines = (copy / "train.jsonl").read_text().splitlines()
    bad = '{"id": "b", "image": "none.png", "captions": ["red"]}'
    (copy / "train.jsonl").write_text("\n".join([*lines, bad]) + "\n")
    rows, reasons = training_rows(loaded, Quiet(), data=str(copy))
    assert len(reasons) == 1
    assert "none.png" in reasons[0]
    assert len(rows["image"].whole) == len(lines)
    (copy / "train.jsonl").write_text(bad.replace(', "captions": ["red"]', "") + "\n")
    with pytest.raises(DataError, match=r"no row to fit a calibration on: .*none\.png"):
        training_rows(loaded, Quiet(), data=str(copy))
