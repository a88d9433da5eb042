"""Weights of a run: any kept step, and running means."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file, save_file

import gcl_spec
from gcl_cli.main import cli
from gcl_spec.config import toml
from gcl_spec.errors import CheckpointError, ConfigError
from gcl_spec.models.hub import load_weights
from gcl_spec.run import checkpoint
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.weights import weights_of
from gcl_torch.train.trainer import TorchTrainer
from trained import SIZE, batch, run_of_three_steps, trained_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return run_of_three_steps(tmp_path / "run")


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


def test_lora_matrices_need_their_layers(tmp_path: Path) -> None:
    trained_run(tmp_path / "lora", "model.lora=2")
    config = toml.load(recipe="tiny", overrides=[f"train.batch_size={SIZE}"])
    with pytest.raises(CheckpointError, match=r"gcl export .* model\.path"):
        TorchTrainer(config, device="cpu", state=weights_of(tmp_path / "lora"))


def test_every_command_takes_an_older_run_where_it_is_asked(
    run: Path, tmp_path: Path, data_folder: Path
) -> None:
    """One without checksums: without the flag an error, with it the same as before."""
    (run / "checksums.json").unlink()
    for path in (run / "checkpoints").iterdir():
        arrays = load_file(path)
        save_file(arrays, path, {"format": "gcl-spec/1"})
    checkpoint_file = run / "checkpoints/step-00000002.safetensors"
    tasks = ("--data", str(data_folder))
    sets = ("--recipe", "tiny", "--dry-run", "--set", f"data.path={data_folder}")
    commands = [
        ("export", str(run), str(tmp_path / "out")),
        ("export", str(run), str(tmp_path / "best"), "--step", "best"),
        ("eval", str(run), *tasks),
        ("eval", str(run), *tasks, "--step", "2", "--against", str(run)),
        ("train", *sets, "--set", "train.batch_size=8", "--init", str(run)),
        ("train", *sets, "--set", "train.batch_size=8", "--init", str(checkpoint_file)),
    ]
    for command in commands:
        refused = CliRunner().invoke(cli, command)
        assert isinstance(refused.exception, CheckpointError), command
        assert "--allow-unverified" in str(refused.exception)
        done = CliRunner().invoke(cli, [*command, "--allow-unverified"])
        assert done.exit_code == 0, (command, done.output, done.exception)
    assert gcl_spec.load_run(run, step="best", allow_unverified=True).step == 2
