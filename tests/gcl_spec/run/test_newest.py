"""A run that has not ended misses its newest checkpoint, and no other."""

import hashlib
import json
import os
import re
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fake import FakeBackend
from gcl_spec.config.options import Config
from gcl_spec.errors import CheckpointError
from gcl_spec.evaluate.evaluation import Report
from gcl_spec.run import checkpoint, manifest
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.loaded import load_run
from gcl_spec.run.newest import missed
from gcl_spec.run.weights import weights_of
from gcl_spec.train.training import run_training
from loop_config import Said, fast, numbers, steps


def state(step: int) -> dict[str, Any]:
    return {"step": np.asarray(step), "params/w": np.zeros(2, np.float32)}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run with the checkpoints of steps 2 and 3, from which older ones were removed."""
    made = RunFolder.create(tmp_path / "run", Config(), state(0), Report((), {}), [])
    for step in (1, 2, 3):
        made.save(state(step), keep=2)
    return made


def path_of(run: RunFolder, step: int) -> Path:
    return run.checkpoints / f"step-{step:08d}.safetensors"


def test_a_newest_checkpoint_that_is_gone_is_missed(run: RunFolder) -> None:
    assert run.found().step == 3
    assert missed(run.found(), run.path) is None
    path_of(run, 3).unlink()
    with pytest.raises(CheckpointError) as raised:
        run.found()
    assert str(raised.value) == (
        f"{run.path}: its newest checkpoint, of step 3, is missing; go on from that of step 2 with "
        f"gcl train --resume {run.path}, or choose it by --step 2 (for --init by its file "
        f"{path_of(run, 2)})"
    )
    with pytest.raises(CheckpointError, match="of step 3, is missing"):
        weights_of(run.path)
    assert run.found("2").step == 2
    with pytest.warns(RuntimeWarning, match="step-00000003.safetensors, is missing; going on from"):
        assert RunFolder.open(run.path, allow_unverified=True).found().step == 2


def test_unverified_runs_tell_of_damage_but_need_no_checksums(
    run: RunFolder, recwarn: pytest.WarningsRecorder
) -> None:
    path_of(run, 3).write_bytes(b"damaged")
    unverified = RunFolder.open(run.path, allow_unverified=True)
    assert unverified.found().step == 2
    assert "step-00000003.safetensors: cannot read" in str(recwarn.pop().message)
    (run.path / "checksums.json").write_text("damaged")
    path_of(run, 3).unlink()
    assert unverified.found().step == 2
    assert not recwarn.list


def test_one_that_is_damaged_is_not_missed(run: RunFolder) -> None:
    path_of(run, 3).write_bytes(b"damaged")
    found = checkpoint.latest(run.checkpoints)
    assert (found.step, [*found.damaged]) == (2, [path_of(run, 3)])
    assert missed(found, run.path) is None


def test_older_ones_may_go(run: RunFolder) -> None:
    path_of(run, 2).unlink()
    run.save(state(4), keep=1)
    assert run.found().step == 4
    assert not path_of(run, 3).exists()
    assert run.check() == []


def test_a_kill_between_a_checkpoint_and_its_note(run: RunFolder) -> None:
    checkpoint.save(run.checkpoints, state(4), keep=2, notes=run.found().notes)
    assert run.found().step == 4


def test_a_process_that_trains_meanwhile(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    newest = checkpoint.newest

    def late(*args: Any, **more: Any) -> checkpoint.Found:
        found = newest(*args, **more)
        run.save(state(4), keep=2)
        return found

    monkeypatch.setattr(checkpoint, "newest", late)
    assert run.found().step == 3


def test_who_goes_on_from_an_earlier_one_need_not_say_it_again(run: RunFolder) -> None:
    path_of(run, 3).unlink()
    found = checkpoint.latest(run.checkpoints)
    assert missed(found, run.path) is not None
    run.reopen(found, run.config())
    assert manifest.newest(run.path) == path_of(run, 2).name
    assert run.found().step == 2
    path_of(run, 2).rename(path_of(run, 1))
    RunFolder.open(run.path, allow_unverified=True).reopen(found, run.config())
    assert manifest.newest(run.path) == path_of(run, 2).name
    assert missed(found, run.path) is None


def test_a_kill_before_a_damaged_one_is_set_aside(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The note is older than the file, so that none is missed whatever is still there."""
    path_of(run, 3).write_bytes(b"damaged")
    found = checkpoint.latest(run.checkpoints)

    def killed(found: checkpoint.Found) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "set_aside", killed)
    with pytest.raises(KeyboardInterrupt):
        run.reopen(found, run.config())
    assert manifest.newest(run.path) == path_of(run, 2).name


def test_no_other_write_forgets_it(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    written, write = [], manifest._write

    def noted(folder: Path, listing: Any) -> None:
        written.append(listing.newest)
        write(folder, listing)

    monkeypatch.setattr(manifest, "_write", noted)
    run.write("data.json", "{}")
    run.append_metrics({"step": 3})
    run.vouch()
    assert written == [path_of(run, 3).name] * 3


def test_the_first_one_is_noted(tmp_path: Path) -> None:
    made = RunFolder.create(tmp_path / "run", Config(), state(0), Report((), {}), [])
    assert manifest.newest(made.path) == path_of(made, 0).name


def test_older_versions_noted_none(run: RunFolder) -> None:
    manifest.adopt(run.path)
    path_of(run, 3).unlink()
    assert run.found().step == 2
    (run.path / "checksums.json").unlink()
    manifest.note_newest(run.path, path_of(run, 2).name)
    assert manifest.newest(run.path) is None


@pytest.mark.parametrize("unverified", [False, True])
def test_a_resumed_run_says_it_once_and_ends_as_unbroken(
    unverified: bool, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, out = fast(data_folder, tmp_path / "cache"), tmp_path / "run"
    monkeypatch.setenv("FAKE_NAN", "13")
    with pytest.raises(Exception, match="step 13"):
        run_training(config, FakeBackend(), out)
    monkeypatch.delenv("FAKE_NAN")
    assert steps(out) == [5, 10]
    folder = RunFolder.open(out)
    path_of(folder, 10).unlink()
    with pytest.raises(CheckpointError, match=re.escape(f"{out}: its newest checkp")):
        load_run(out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    # A copy of hard links (cp -al) shares no file any more with the run that goes on.
    shutil.copytree(out, tmp_path / "kept", copy_function=os.link)
    said = Said()
    resumed = partial(run_training, None, FakeBackend(), out, resume=True, reporter=said)
    resumed(allow_unverified=unverified)
    assert said.lines == [
        f"warning: {out}: its newest checkpoint, step-00000010.safetensors, is missing; going on "
        "from step-00000005.safetensors"
    ]
    for path, content in before.items():
        assert (tmp_path / "kept" / path.relative_to(out)).read_bytes() == content
    resumed()
    assert len(said.lines) == 1
    whole = run_training(config, FakeBackend(), tmp_path / "whole").path
    assert numbers(out) == numbers(whole)


@pytest.mark.parametrize(
    "name", [5, ["step-00000003.safetensors"], "../step-00000003.safetensors", ""]
)
def test_a_name_that_is_none_of_a_checkpoint_is_damage(run: RunFolder, name: Any) -> None:
    path = run.path / "checksums.json"
    files = json.loads(path.read_text())["files"]
    own = hashlib.sha256(json.dumps({"newest": name, "files": files}).encode()).hexdigest()
    path.write_text(json.dumps({"sha256": own, "newest": name, "files": files}, indent=1) + "\n")
    with pytest.raises(CheckpointError, match=r"checksums\.json: not as it was written"):
        run.found()
