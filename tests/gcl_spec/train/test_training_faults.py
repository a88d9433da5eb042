"""Every call on a run's files may fail: one line, nothing lost, a resume is as if unbroken."""

import errno
import shutil
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import pytest

from fake import FakeBackend
from faults import ERRORS, Faults, injected
from gcl_spec.config.options import Config
from gcl_spec.data.prepare import recipes
from gcl_spec.errors import GclError
from gcl_spec.train.training import run_training
from loop_config import Said, fast, numbers, state

PARTS = 4  # of the calls, so that processes of a test run share them


@pytest.fixture
def config(data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    # What takes most of the time of so short a run, and reads or writes nothing of it.
    monkeypatch.setattr("gcl_spec.train.training.thumbnail", lambda *args, **more: b"")
    monkeypatch.setattr(recipes, "Tokenizer", cache(recipes.Tokenizer))
    more = ("eval_every=2", "keep_best=true", "steps=4", "save_every=1", "log_every=1", "keep=1")
    return fast(
        data_folder, tmp_path / "cache", "data.workers=0", *(f"train.{text}" for text in more)
    )


def attempt(work: Callable[[], object], faults: Faults) -> str:
    """What it says where it fails, which is one line."""
    try:
        with injected(faults):
            work()
    except GclError as error:
        said = str(error)
        assert said
        assert "\n" not in said
        return said
    return ""


def finished(config: Config, out: Path) -> Path:
    """A plain start, or resume, to the end."""
    resume = (out / "config.toml").exists()
    return run_training(None if resume else config, FakeBackend(), out, resume=resume).path


def same(ours: Path, theirs: Path) -> None:
    assert numbers(ours) == numbers(theirs)
    for name in ("before.json", "after.json", "examples.json", "data.json"):
        assert (ours / name).read_bytes() == (theirs / name).read_bytes(), name
    a, b = state(ours), state(theirs)
    assert a.keys() == b.keys()
    assert all(a[name].tobytes() == b[name].tobytes() for name in b)
    assert list(ours.parent.rglob(".*")) == []


def begun(config: Config, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that stopped in step 3, after its checkpoint of step 2."""
    monkeypatch.setenv("FAKE_NAN", "3")
    with pytest.raises(GclError, match="step 3"):
        run_training(config, FakeBackend(), folder / "run")
    monkeypatch.delenv("FAKE_NAN")


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("resumed", [False, True])
def test_any_call_may_fail(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resumed: bool, part: int
) -> None:
    whole = run_training(config, FakeBackend(), tmp_path / "whole").path
    before = tmp_path / "before"
    before.mkdir()
    if resumed:
        begun(config, before, monkeypatch)

    def trial(folder: Path, at: int, error: int = 0) -> tuple[str, Faults]:
        shutil.copytree(before, folder)
        faults = Faults(folder, at=at, error=error)
        given = None if resumed else config
        work = partial(run_training, given, FakeBackend(), folder / "run", resume=resumed)
        return attempt(work, faults), faults

    said, counted = trial(tmp_path / "counted", 0)
    assert said == ""
    calls = list(zip(counted.names, counted.places, strict=True))
    assert {"open", "write", "fsync", "close", "unlink", "flock", "listdir"} <= {*counted.names}
    # Of the calls that the same two innermost lines have led to, one is enough here; the
    # benchmark takes all.
    led = [(name, place[:2]) for name, place in calls]
    first = [led.index(call) + 1 for call in dict.fromkeys(led)]
    ended = 0
    for number, at in enumerate(first[part::PARTS]):
        folder = tmp_path / f"{at}"
        said, faults = trial(folder, at, ERRORS[number % len(ERRORS)])
        assert faults.names[:at] == counted.names[:at], "the same calls every time"
        if said == "":
            ended += 1  # it went on, and lost nothing
        else:
            finished(config, folder / "run")
        same(folder / "run", whole)
        shutil.rmtree(folder)
    assert 0 < ended < len(first) // PARTS


@pytest.mark.parametrize("resumed", [False, True])
def test_a_clean_up_that_always_fails_is_said_once(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resumed: bool
) -> None:
    whole = run_training(config, FakeBackend(), tmp_path / "whole").path
    folder, said = tmp_path / "other", Said()
    folder.mkdir()
    if resumed:
        begun(config, folder, monkeypatch)
    out, old = folder / "run", 3 if resumed else 0
    with injected(Faults(folder, error=errno.EPERM, only="unlink")):
        run_training(None if resumed else config, FakeBackend(), out, resume=resumed, reporter=said)
    path = out / "checkpoints" / f"step-{old:08d}.safetensors"
    assert said.lines == [
        f"warning: cannot remove the old checkpoint {path}: Operation not permitted; what is there "
        "stays, and work goes on"
    ]
    assert path.exists()
    same(out, whole)
