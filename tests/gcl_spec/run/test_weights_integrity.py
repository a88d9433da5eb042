"""Weights of a run whose other files cannot be verified are not taken unasked."""

from pathlib import Path

import numpy as np
import pytest

from gcl_spec.config.options import Config
from gcl_spec.errors import CheckpointError
from gcl_spec.evaluate.evaluation import Report
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.weights import weights_of


@pytest.fixture
def run(tmp_path: Path) -> Path:
    state = {"step": np.asarray(3), "params/w": np.ones(2, np.float32)}
    return RunFolder.create(tmp_path / "run", Config(), state, Report((), {}), []).path


@pytest.mark.parametrize("name", ["checksums.json", "run-id"])
def test_no_file_that_vouches_may_be_missing(run: Path, name: str) -> None:
    """Else a checkpoint of another run would pass, whose own checksum fits."""
    assert weights_of(run).keys() == {"params/w"}
    (run / name).unlink()
    with pytest.raises(CheckpointError, match=f"{name}: missing") as raised:
        weights_of(run)
    assert "--allow-unverified" in str(raised.value)
    assert weights_of(run, allow_unverified=True).keys() == {"params/w"}


def test_an_edited_config_is_told_of(run: Path) -> None:
    path = run / "config.toml"
    path.write_text(path.read_text().replace("lr = ", "lr = 1"))
    with pytest.raises(CheckpointError, match=r"config\.toml: not as it was written"):
        weights_of(run)
    assert weights_of(run / "checkpoints" / "step-00000003.safetensors")
