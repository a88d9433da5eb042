"""A calibration is for the weights alone that it was fitted for."""

import shutil
from pathlib import Path

import pytest

from fake import FakeBackend
from gcl_spec.errors import CheckpointError, ConfigError
from gcl_spec.progress import Quiet
from gcl_spec.run.calibrated import calibrate
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.loaded import load_run
from gcl_spec.train.training import run_training
from loop_config import fast

BACKEND = "fake:FakeBackend"


@pytest.fixture(scope="module")
def run(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calibrated")
    sets = ("train.steps=2", "train.save_every=1", "train.keep=2")
    run_training(fast(data_folder, folder / "cache", *sets), FakeBackend(), out=folder / "run")
    loaded = load_run(folder / "run", backend=BACKEND)
    calibrate(RunFolder.open(folder / "run"), loaded, Quiet(), names=["mean"])
    return folder / "run"


def test_other_weights_are_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"other weights \(step 2 .* wanted step 1"):
        load_run(run, backend=BACKEND, step="1", calibration="mean")
    with pytest.raises(ConfigError, match=r"no calibration '\.\./mean'"):
        load_run(run, backend=BACKEND, calibration="../mean")
    copy = shutil.copytree(run, tmp_path / "run")
    (copy / "calibrations" / "mean.safetensors").unlink()
    with pytest.raises(CheckpointError, match="has no calibration 'mean'; fit it: gcl calibrate"):
        load_run(copy, backend=BACKEND, calibration="mean")
