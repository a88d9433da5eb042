"""The loop: what it writes, what it never leaves behind, and exact resume after kill -9."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from gcl_spec import checkpoint
from gcl_spec.config import Config
from gcl_spec.config_io import loads
from gcl_spec.errors import CheckpointError, ConfigError, DataError, InputError, TrainingError
from gcl_spec.run import RunFolder
from gcl_spec.train import dry_run, run

sys.path.insert(0, str(Path(__file__).parent))
from fake import FakeBackend, FakeTrainer


@pytest.fixture
def config(data_folder: Path, tmp_path: Path) -> Config:
    return loads(
        "",
        [
            f"data.path='{data_folder}'",
            f"data.cache='{tmp_path / 'cache'}'",
            "model.width=4", "model.image_size=32", "train.steps=20", "train.batch_size=6",
            "train.log_every=3", "train.save_every=5", "optim.lr=0.01", "optim.warmup_steps=2",
        ],
    )  # fmt: skip


def numbers(folder: Path) -> list[dict[str, Any]]:
    """The metrics without the one that depends on the clock."""
    lines = RunFolder.open(folder).metrics()
    return [{k: v for k, v in line.items() if k != "samples_per_s"} for line in lines]


def state(folder: Path) -> dict[str, Any]:
    return dict(checkpoint.latest(folder / "checkpoints").state)


def test_a_run_writes_all_it_promises(config: Config, tmp_path: Path) -> None:
    folder = run(config, FakeBackend(), tmp_path / "run").path
    found = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert found == [
        "after.json", "before.json", "checkpoints/step-00000015.safetensors",
        "checkpoints/step-00000020.safetensors", "config.toml", "examples.json", "metrics.jsonl",
        "report.html",
    ]  # fmt: skip
    assert RunFolder.open(folder).config() == config
    lines = numbers(folder)
    assert [line["step"] for line in lines] == [3, 6, 9, 12, 15, 18, 20]
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert lines[0]["epoch"] == 0
    assert lines[-1]["epoch"] == 4
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_validation_during_training(config: Config, tmp_path: Path) -> None:
    from dataclasses import replace

    config = replace(config, train=replace(config.train, eval_every=8))
    folder = run(config, FakeBackend(), tmp_path / "run").path
    assert [line["step"] for line in numbers(folder) if "val_hit@10" in line] == [8, 16]


def test_the_same_config_gives_the_same_run(config: Config, tmp_path: Path) -> None:
    one, two = (run(config, FakeBackend(), tmp_path / name).path for name in "ab")
    assert numbers(one) == numbers(two)
    assert (one / "after.json").read_text() == (two / "after.json").read_text()


def test_init_takes_weights_and_begins_at_step_0(config: Config, tmp_path: Path) -> None:
    first = run(config, FakeBackend(), tmp_path / "a").path
    second = run(config, FakeBackend(), tmp_path / "b", init=first).path
    assert (second / "before.json").read_text() == (first / "after.json").read_text()
    assert numbers(second)[0]["step"] == 3
    assert numbers(second)[0]["loss"] < numbers(first)[0]["loss"]


def test_an_existing_folder_is_never_touched(config: Config, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="go on with --resume"):
        run(config, FakeBackend(), tmp_path / "run")
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["mine.txt"]


def test_bad_data_leaves_no_folder(config: Config, tmp_path: Path) -> None:
    bad = loads("", [f"data.path='{tmp_path / 'none'}'"])
    with pytest.raises(DataError, match="no folder or zip archive"):
        run(bad, FakeBackend(), tmp_path / "run")
    small = loads("", [f"data.path='{config.data.path}'", "train.batch_size=99"])
    with pytest.raises(DataError, match="more than the 24 samples"):
        run(small, FakeBackend(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_nan_stops_and_keeps_the_last_checkpoint(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_NAN", "9")
    with pytest.raises(TrainingError, match=r"step 9 \(lr .*\): loss is nan"):
        run(config, FakeBackend(), tmp_path / "run")
    assert int(state(tmp_path / "run")["step"]) == 5
    monkeypatch.delenv("FAKE_NAN")
    run(None, FakeBackend(), tmp_path / "run", resume=True)
    whole = run(config, FakeBackend(), tmp_path / "whole").path
    assert numbers(tmp_path / "run") == numbers(whole)


def test_a_batch_without_a_pair_is_the_datas_fault(config: Config, tmp_path: Path) -> None:
    """Samples with a picture or a caption each, but none with both: no learning rate helps."""
    from dataclasses import replace

    folder = tmp_path / "unpaired"
    shutil.copytree(config.data.path, folder)
    lines = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    for n, line in enumerate(lines):
        if n % 2:
            del line["image"]
        else:
            line["captions"] = []
    (folder / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    config = replace(config, data=replace(config.data, path=str(folder)))
    for call in (lambda: run(config, FakeBackend(), tmp_path / "run"),
                 lambda: dry_run(config, FakeBackend())):  # fmt: skip
        with pytest.raises(TrainingError) as raised:
            call()
        message = str(raised.value)
        assert "stopped at step 1: no valid pair is left" in message
        assert re.search(r"samples '\d+', '\d+', '\d+' and 3 more", message)
        assert f"{folder}: train.jsonl" in message
        assert "train.batch_size" in message
        assert "optim.lr" not in message


@pytest.mark.parametrize("error", [InputError("rows 3 of 'text' hold NaN or Inf"), None])
def test_numbers_that_explode_are_the_learning_rates(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: InputError | None
) -> None:
    if error is None:
        monkeypatch.setenv("FAKE_NAN", "3")
    else:
        monkeypatch.setattr(FakeTrainer, "step", Mock(side_effect=error))
    with pytest.raises(TrainingError, match=r"NaN|nan") as raised:
        run(config, FakeBackend(), tmp_path / "run")
    assert f"step {3 if error is None else 1} (lr" in str(raised.value)
    assert "lower optim.lr or a lower optim.max_scale" in str(raised.value)
    assert "train.jsonl" not in str(raised.value)


def test_resume_refuses_other_options(config: Config, tmp_path: Path) -> None:
    from dataclasses import replace

    run(config, FakeBackend(), tmp_path / "run")
    other = replace(config, train=replace(config.train, steps=30))
    with pytest.raises(ConfigError, match=r"train\.steps: 20, 30"):
        run(other, FakeBackend(), tmp_path / "run", resume=True)
    with pytest.raises(CheckpointError, match="not a run folder"):
        run(None, FakeBackend(), tmp_path / "none", resume=True)
    with pytest.raises(CheckpointError, match="not a run folder"):
        run(config, FakeBackend(), tmp_path / "new", init=tmp_path / "none")
    assert not (tmp_path / "new").exists()


def test_dry_run_writes_nothing(config: Config, tmp_path: Path) -> None:
    found = dry_run(config, FakeBackend())
    assert found.parameters == 4 * (3 + 8)
    assert found.seconds_in_all == pytest.approx(20 * found.seconds_per_step)
    assert found.peak_memory_mb > 1
    assert {p.name for p in tmp_path.iterdir()} <= {"cache"}


CHILD = """
import sys
sys.path.insert(0, {here!r})
from pathlib import Path
from fake import FakeBackend
from gcl_spec.config_io import load
from gcl_spec.train import run
out = Path(sys.argv[2])
resume = (out / "config.toml").exists()
run(None if resume else load(path=Path(sys.argv[1])), FakeBackend(), out, resume=resume)
"""


def start(config_file: Path, out: Path) -> subprocess.Popen[bytes]:
    code = CHILD.format(here=str(Path(__file__).parent))
    environment = {**os.environ, "FAKE_SLEEP": "0.03"}
    return subprocess.Popen(
        [sys.executable, "-c", code, str(config_file), str(out)], env=environment
    )


def test_kill_9_at_many_moments_then_resume_is_an_unbroken_run(
    config: Config, tmp_path: Path
) -> None:
    from gcl_spec.config_io import dumps

    file, out = tmp_path / "config.toml", tmp_path / "broken"
    file.write_text(dumps(config))
    whole = run(config, FakeBackend(), tmp_path / "whole").path
    rng = np.random.default_rng(0)
    kills = 0
    for _ in range(40):
        child = start(file, out)
        # From before the folder is there, through training, to the last evaluation.
        deadline = time.monotonic() + float(rng.uniform(0.2, 1.0))
        while child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        if child.poll() is None:
            os.kill(child.pid, signal.SIGKILL)
            kills += 1
        child.wait()
        if (out / "after.json").exists():
            break
        if out.exists():
            json.loads((out / "before.json").read_text())
            checkpoint.latest(out / "checkpoints")
    else:
        pytest.fail("40 starts did not finish a run of 20 steps")
    assert kills >= 3
    assert not list(tmp_path.glob(".broken.*"))
    assert numbers(out) == numbers(whole)
    assert (out / "after.json").read_text() == (whole / "after.json").read_text()
    ours, theirs = state(out), state(whole)
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)
