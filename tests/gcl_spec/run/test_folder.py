"""A run folder appears whole; what a killed process left beside it goes with the next one."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from gcl_spec._files import atomic
from gcl_spec.config.options import Config
from gcl_spec.errors import CheckpointError, ConfigError, DataError, FileError
from gcl_spec.evaluate.evaluation import Report
from gcl_spec.run.folder import RunFolder

CREATE = """
import sys, time
from pathlib import Path
import numpy as np
from gcl_spec.run import checkpoint
from gcl_spec.config import Config
from gcl_spec.evaluate import Report
from gcl_spec.run import RunFolder
save = checkpoint.save
def slow(*args, **more):
    path = save(*args, **more)
    sys.stdin.readline()
    return path
checkpoint.save = slow
RunFolder.create(Path(sys.argv[1]), Config(), {"step": np.asarray(0)}, Report((), {}), [])
"""


def create(path: Path) -> RunFolder:
    return RunFolder.create(path, Config(), {"step": np.asarray(0)}, Report((), {}), [])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def halfway(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that is in the middle of `RunFolder.create`."""
    child = subprocess.Popen(
        [sys.executable, "-c", CREATE, str(path)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not list(path.parent.glob(f".{path.name}.*/checkpoints/step-*")):
        assert time.monotonic() < deadline
        assert child.poll() is None
        time.sleep(0.02)
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    with halfway(tmp_path / "run"):
        pass
    assert len(names(tmp_path)) == 1, "the kill left its half of a folder"
    create(tmp_path / "other")
    assert len(names(tmp_path)) == 2, "another run's creation leaves it alone"
    create(tmp_path / "run")
    assert names(tmp_path) == ["other", "run"]


def test_the_folder_of_a_process_that_lives_is_left_alone(tmp_path: Path) -> None:
    with halfway(tmp_path / "run") as child:
        create(tmp_path / "run")
        assert len(names(tmp_path)) == 2
        _, said = child.communicate("go on\n")
        assert "cannot make the folder" in said
    assert names(tmp_path) == ["run"]


def test_only_its_own_pattern_is_removed(tmp_path: Path) -> None:
    kept = [".run", ".run.b", ".run.b.abcdefgh.creating", ".run.abcdefgh", ".o.abcdefgh.creating"]
    for name in kept:
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.txt").write_text("mine")
    (tmp_path / ".run.aaaaaaaa.creating").write_text("a file")
    (tmp_path / ".run.bbbbbbbb.creating").symlink_to(tmp_path / ".run.b")
    (tmp_path / ".run.cccccccc.creating").mkdir()
    create(tmp_path / "run")
    assert names(tmp_path) == sorted(
        [*kept, "run", ".run.aaaaaaaa.creating", ".run.bbbbbbbb.creating"]
    )
    assert all((tmp_path / name / "mine.txt").exists() for name in kept)


def test_a_folder_removed_before_it_was_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process saw it in the moment between its making and its lock."""
    lock, stolen = atomic.lock, []

    def late(folder: Path, *, wait: bool) -> int | None:
        if wait and not stolen:
            stolen.append(folder)
            folder.rmdir()
        return lock(folder, wait=wait)

    monkeypatch.setattr(atomic, "lock", late)
    create(tmp_path / "run")
    assert len(stolen) == 1
    assert names(tmp_path) == ["run"]


def test_without_locks_nothing_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "lock", lambda folder, wait: None)
    (tmp_path / ".run.cccccccc.creating").mkdir()
    create(tmp_path / "run")
    assert names(tmp_path) == [".run.cccccccc.creating", "run"]


def test_creation_leaves_no_open_file_and_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(os.listdir("/dev/fd"))  # noqa: PTH208
    create(tmp_path / "run")
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o755
    with pytest.raises(ConfigError, match="--resume"):
        create(tmp_path / "run")

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(FileError, match="No space left"):
        create(tmp_path / "new")
    assert names(tmp_path) == ["run"]
    assert len(os.listdir("/dev/fd")) == before  # noqa: PTH208


@pytest.mark.parametrize("name", ["before.json", "examples.json"])
def test_a_damaged_evaluation_is_one_error_with_one_path(tmp_path: Path, name: str) -> None:
    path = create(tmp_path / "run").path / name
    path.write_text('{"results": 1}')
    for allowed, error, said in (
        (False, CheckpointError, "not as it was written"),
        (True, DataError, "cannot read the e"),
    ):
        run = RunFolder.open(tmp_path / "run", allow_unverified=allowed)
        with pytest.raises(error, match=said) as found:
            run.report("before") if name == "before.json" else run.examples()
        assert str(found.value).count(str(path)) == 1
