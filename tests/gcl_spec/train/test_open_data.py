"""Which weights of a run others start from, and leave as: running means, and any kept step."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file, save_file

import gcl_spec
from gcl_cli.main import cli
from gcl_spec.config import toml
from gcl_spec.errors import CheckpointError
from gcl_spec.run import checkpoint
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.weights import weights_of
from gcl_torch.train.trainer import TorchTrainer
from trained import SIZE, trained_run


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
