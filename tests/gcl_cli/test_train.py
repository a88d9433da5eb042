"""Resume as a user does: Ctrl-C, `--resume DIR`, and `gcl verify-resume`."""

import os
import signal
import time
from pathlib import Path

import pytest

from gcl_cli.train import launcher
from repository import HELPERS
from tiles_on_disk import write_data

FAST = ["model.width=4", "model.image_size=32", "train.batch_size=6", "optim.warmup_steps=2"]


@pytest.fixture
def sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("PYTHONPATH", str(HELPERS), prepend=os.pathsep)
    data = write_data(tmp_path / "tiles")
    values = [*FAST, f"data.path={data}", f"data.cache={tmp_path / 'cache'}"]
    return [part for value in values for part in ("--set", value)]


@pytest.mark.parametrize("background", [False, True])
def test_a_signal_says_how_to_go_on(
    gcl, start, sets: list[str], tmp_path: Path, background: bool
) -> None:
    """Ctrl-C; or SIGTERM to what was started with SIGINT ignored, as in the background."""
    if background:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    name = "SIGTERM" if background else "SIGINT"
    more = ["--set", "train.steps=100000", "--set", "train.log_every=1", "--out", "run"]
    child = start("train", "--backend", "fake:FakeBackend", *sets, *more)
    metrics = tmp_path / "run" / "metrics.jsonl"
    for lines in (1, 3):
        while not (metrics.exists() and metrics.read_bytes().count(b"\n") >= lines):
            assert child.poll() is None
            time.sleep(0.01)
        if background and lines == 1:
            child.send_signal(signal.SIGINT)  # which it does not heed
    child.send_signal(signal.Signals[name])
    _, said = child.communicate(timeout=240)
    assert child.returncode == 130, said
    line = said.strip().splitlines()[-1]
    assert line.startswith(f"stopped by {name} after step ")
    again = "gcl train --resume run --backend fake:FakeBackend"
    assert line.endswith(f"; go on with: {again}")
    assert "Traceback" not in said
    # --set changes the run's own options.
    done = gcl(*again.split()[1:], "--set", "train.steps=5", "--set", "data.workers=1")
    assert "was started with other options (train.steps: 100000, 5, the run's" in done.stderr
    done = gcl("train", "--resume", "run", "--set", "data.workers=1", "--list-options")
    assert {"train.steps = 100000", "data.workers = 1"} < {*done.stdout.splitlines()}
    done = gcl("train", "--resume", "run", "--out", "run")
    assert "drop --out" in done.stderr
    assert os.listdir(tmp_path / "run" / "checkpoints")  # noqa: PTH208


def test_a_signal_while_libraries_are_imported(start, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("print(1, flush=True)\nimport time\ntime.sleep(600)\n")
    child = start("train", "--backend", "slow:Backend")
    assert child.stdout is not None
    assert child.stdout.readline() == "1\n"
    child.send_signal(signal.SIGTERM)
    _, said = child.communicate(timeout=240)
    assert (child.returncode, said) == (130, "stopped by SIGTERM before there was a run\n")


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "gcl train"),
        (
            {"TORCHELASTIC_RUN_ID": "1", "LOCAL_WORLD_SIZE": "4", "GROUP_WORLD_SIZE": "2"},
            "torchrun --nnodes=2 --nproc-per-node=4 -m gcl_cli train",
        ),
        (
            {"JAX_COORDINATOR_ADDRESS": "a:1", "JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": "0"},
            "JAX_COORDINATOR_ADDRESS=a:1 JAX_NUM_PROCESSES=2 JAX_PROCESS_ID=0 gcl train",
        ),
    ],
)
def test_the_advice_starts_as_many_processes(environment: dict[str, str], said: str) -> None:
    assert launcher(environment) == said.split()


def test_a_killed_run_is_the_same(gcl, sets: list[str], tmp_path: Path) -> None:
    more = ["--steps", 12, "--kills", 2, "--seed", 3]
    done = gcl("verify-resume", "--backend", "fake:FakeBackend", *sets, *more)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("killed after") == 2
    assert "killed 2 times and resumed, the run is the same to the bit" in done.stdout
    assert not list(Path(tmp_path).glob("gcl-verify*"))


def test_a_state_that_is_not_saved_is_found(
    gcl, sets: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    more = ["--steps", 12, "--kills", 6]
    done = gcl("verify-resume", "--backend", "forgetful:ForgetfulBackend", *sets, *more)
    assert done.returncode == 1, done.stderr
    assert "verdict: not the same, first in metrics: metrics.jsonl at [" in done.stdout
    (kept,) = tmp_path.glob("gcl-verify-resume-*")
    assert {"unbroken", "resumed"} <= {path.name for path in kept.iterdir()}


def test_what_ends_the_check(gcl, sets: list[str], tmp_path: Path) -> None:
    done = gcl("verify-resume", "--backend", "fake:FakeBackend", *sets, "--minutes", "0")
    assert done.returncode == 2
    assert "the time for the check is over" in done.stderr
    done = gcl("verify-resume", "--backend", "fake:FakeBackend", "--set", "data.path=none")
    assert done.returncode == 2
    assert "ended with code 2: no folder or zip archive" in done.stderr
    done = gcl("verify-resume", "--backend", "torhc", *sets)
    assert done.returncode == 2
    assert "no backend 'torhc'; did you mean torch?" in done.stderr
    assert not list(tmp_path.glob("gcl-verify*"))
