"""Weights of a run: any kept step, and running means."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import gcl_spec
from gcl_cli.main import cli
from gcl_spec.config import toml
from gcl_spec.errors import CheckpointError, ConfigError
from gcl_spec.models.hub import load_weights
from gcl_spec.run import checkpoint
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.weights import weights_of
from gcl_torch.train.trainer import TorchTrainer
from trained import SIZE, batch, trained_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Steps 1 to 3, of which the second had the best figure."""
    trainer = trained_run(tmp_path / "run")
    state = trainer.state()
    for step in (1, 2):
        changed = {n: x * step if n.startswith("params/clip.") else x for n, x in state.items()}
        changed["step"] = np.asarray(step)
        checkpoint.save(tmp_path / "run/checkpoints", changed, keep=9)
    figures = [(1, 0.1), (2, 0.5), (3, 0.5)]
    lines = [f'{{"step": {step}, "val_hit@10": {x}}}\n' for step, x in figures]
    RunFolder(tmp_path / "run").write("metrics.jsonl", "".join(lines))
    return tmp_path / "run"


def test_any_kept_step_can_leave_the_run(run: Path, tmp_path: Path) -> None:
    name = "visual_projection.weight"
    state = checkpoint.latest(run / "checkpoints").state
    for step, number in {"1": 1, "best": 2, "newest": 1}.items():
        done = CliRunner().invoke(cli, ["export", str(run), str(tmp_path / step), "--step", step])
        assert done.exit_code == 0, done.output
        found = load_weights(tmp_path / step)[name]
        assert np.array_equal(found, number * state[f"params/clip.{name}"])
    assert gcl_spec.load_run(run, step="best").step == 2
    with pytest.raises(
        CheckpointError, match=r"no checkpoint of step 7; there are those of 1, 2, 3"
    ):
        RunFolder.open(run).found("7")
    with pytest.raises(ConfigError, match="step = 'last'; must be a number, best or newest"):
        RunFolder.open(run).found("last")
    RunFolder(run).write("metrics.jsonl", "")
    with pytest.raises(CheckpointError, match=r"no evaluation .* set train\.eval_every"):
        RunFolder.open(run).found("best")


def test_a_run_starts_from_a_file_or_from_running_means(run: Path, tmp_path: Path) -> None:
    path = run / "checkpoints/step-00000002.safetensors"
    found = weights_of(path)
    assert np.array_equal(found["params/log_scale"], checkpoint.load(path)["params/log_scale"])
    assert all(name.startswith(("params/", "buffers/")) for name in found)
    first = trained_run(tmp_path / "means", "optim.ema=0.5")
    config = toml.load(recipe="tiny", overrides=[f"train.batch_size={SIZE}"])
    second = TorchTrainer(config, device="cpu", state=weights_of(tmp_path / "means"))
    want = first.encode(batch())
    for name, z in second.encode(batch()).items():
        assert np.array_equal(z, want[name])
