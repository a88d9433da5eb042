"""Files appear whole or not at all: full disks, limits, kills."""

import errno
import io
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gcl_spec._files import atomic
from gcl_spec._files.atomic import append, atomic_folder, atomic_write, check_writable, sync_file
from gcl_spec.errors import FileError
from gcl_spec.progress import warnings_to
from gcl_spec.run import checkpoint


def state(step: int) -> dict[str, np.ndarray[Any, Any]]:
    return {"step": np.asarray(step), "params/w": np.arange(6.0) + step}


def test_a_place_is_tried_and_nothing_stays(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    check_writable(None)
    check_writable(tmp_path / "file")
    check_writable(tmp_path / "new" / "file")
    for wrong in (tmp_path, tmp_path / "file" / "x", tmp_path / "file" / "x" / "y"):
        with pytest.raises(FileError, match="cannot write"):
            check_writable(wrong)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_no_file_takes_the_place_of_a_pipe_socket_or_device(tmp_path: Path) -> None:
    """As that of /dev/null would be taken where root names it for results."""
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(os.devnull)
    for path, word in ((pipe, "pipe"), (link, "device")):
        for write in (check_writable, lambda path: atomic_write(path).__enter__()):
            with pytest.raises(FileError, match=f"cannot write .*it is a {word}, not a reg"):
                write(path)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert link.is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "pipe"]


def test_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "file"
    target.write_text("old")

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(FileError, match="No space left"), atomic_write(target) as file:
        file.write(b"new")
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208


def test_an_error_inside_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")

    def fails_halfway() -> None:
        with atomic_write(target) as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails_halfway()
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


WRITER = """
import os, signal, sys
from pathlib import Path
from gcl_spec._files.atomic import append, atomic_folder, atomic_write, check_writable, sync_file
with atomic_write(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    print("halfway", flush=True)
    sys.stdin.readline()
"""


def test_half_a_file_goes_when_its_process_is_gone(tmp_path: Path) -> None:
    mine = [".step-1.abcdefgh.writing", ".step-00000001.safetensors.mine", ".x.abcdefgh.writing"]
    for name in mine:
        (tmp_path / name).write_text("mine")
    target = tmp_path / "step-00000001.safetensors"
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()
    checkpoint.save(tmp_path, state(2), keep=9)
    assert len(list(tmp_path.iterdir())) == 5, "its process lives"
    child.kill()
    child.communicate()
    checkpoint.save(tmp_path, state(3), keep=9)
    names = {p.name for p in tmp_path.iterdir()}
    assert names == {*mine, "step-00000002.safetensors", "step-00000003.safetensors"}


def test_a_file_removed_before_it_was_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, stolen = atomic.lock, []

    def late(path: Path, *, wait: bool) -> int | None:
        if wait and not stolen:
            stolen.append(path)
            path.unlink()
        return lock(path, wait=wait)

    monkeypatch.setattr(atomic, "lock", late)
    checkpoint.save(tmp_path, state(1), keep=1)
    assert len(stolen) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["step-00000001.safetensors"]


LIMITED = """
import resource, sys
from pathlib import Path
import numpy as np
from gcl_spec.run import checkpoint
from gcl_spec.errors import FileError
from gcl_spec.progress import warnings_to
folder = Path(sys.argv[1])
big = {"step": np.asarray(2), "params/w": np.zeros(100_000)}
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    checkpoint.save(folder, big, keep=1)
except FileError as error:
    print(error)
"""


def test_a_real_limit_leaves_the_earlier_checkpoint(tmp_path: Path) -> None:
    """The kernel writes a part, then says no: as on a full disk."""
    checkpoint.save(tmp_path, state(1), keep=1)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "step-00000002.safetensors: File too large (0.8 MB are needed, " in done.stdout
    assert " MB are free)" in done.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["step-00000001.safetensors"]
    assert checkpoint.latest(tmp_path).step == 1


@pytest.mark.parametrize("place", ["write", "fsync", "close", "replace", "short"])
def test_a_full_disk_is_said_wherever_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    checkpoint.save(tmp_path, state(1), keep=1)

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    class Writer(io.FileIO):
        def write(self, data: Any) -> int:
            if place == "write":
                full()
            return len(data) if place == "short" else super().write(data)

        def close(self) -> None:
            fails = place == "close" and not self.closed
            super().close()
            if fails:
                full()

    if place in ("fsync", "replace"):
        owner = atomic.os if place == "fsync" else Path
        monkeypatch.setattr(owner, place, full)
    else:
        monkeypatch.setattr(atomic.os, "fdopen", lambda n, mode: Writer(n, mode))
    wanted = "bytes of" if place == "short" else "needed, .* MB are free"
    with pytest.raises(FileError, match=wanted):
        checkpoint.save(tmp_path, state(2), keep=1)
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["step-00000001.safetensors"]
    assert checkpoint.latest(tmp_path).step == 1


@pytest.mark.parametrize(
    ("number", "way_out"),
    [
        (28, "free some space or choose another place"),
        (13, "make it writable or choose another place"),
        (30, "make it writable or choose another place"),
        (5, "choose another place"),
    ],
)
def test_the_way_out_fits_what_is_wrong(tmp_path: Path, number: int, way_out: str) -> None:
    error = atomic.cannot_write(tmp_path / "x", OSError(number, "said"), None)
    assert f"; {way_out}, what was there" in str(error)


def test_the_next_write_of_a_name_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()
    child.kill()
    child.communicate()
    assert len(list(tmp_path.iterdir())) == 1
    with atomic_write(target) as file:
        file.write(b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_what_is_on_the_disk_before_and_after_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut leaves all of the content behind a name, which lasts, and all lines of a log."""
    synced: list[tuple[int | str, list[str]]] = []

    def fsync(number: int) -> None:
        found = os.fstat(number)
        names = sorted(path.name for path in tmp_path.iterdir() if path.name[0] != ".")
        synced.append(("folder" if stat.S_ISDIR(found.st_mode) else found.st_size, names))

    monkeypatch.setattr(os, "fsync", fsync)
    with atomic_write(tmp_path / "a") as file:
        file.write(b"four")
    append(tmp_path / "a", b" more")
    sync_file(tmp_path / "a")
    with atomic_folder(tmp_path / "b"):
        pass
    assert synced == [(4, []), ("folder", ["a"]), (9, ["a"]), ("folder", ["a", "b"])]


@pytest.mark.parametrize("made", ["file", "folder"])
def test_a_name_that_may_not_last_is_not_called_untouched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: str
) -> None:
    target, fsync = tmp_path / "it", os.fsync
    if made == "file":
        target.write_text("old")

    def refuses(number: int) -> None:
        if stat.S_ISDIR(os.fstat(number).st_mode):
            raise OSError(code, os.strerror(code))
        fsync(number)

    def write() -> None:
        if made == "folder":
            with atomic_folder(target):
                pass
        else:
            with atomic_write(target) as file:
                file.write(b"new")

    monkeypatch.setattr(os, "fsync", refuses)
    code = errno.EIO
    with pytest.raises(FileError, match=r"it is written, .* power cut may lose it") as raised:
        write()
    assert "untouched" not in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == ["it"]
    if made == "folder":
        target.rmdir()
    else:
        assert target.read_bytes() == b"new"
    code = errno.EINVAL  # of file systems that know no such thing
    write()


def test_where_nobody_listens_python_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(path: Path, **more: bool) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", str(path))

    checkpoint.save(tmp_path, state(1), keep=1)
    monkeypatch.setattr(Path, "unlink", refuses)
    with pytest.warns(RuntimeWarning, match=r"old checkpoint .*step-00000001.* not permitted"):
        checkpoint.save(tmp_path, state(2), keep=1)
    said: list[str] = []
    with warnings_to(said.append):
        for step in (3, 4):
            checkpoint.save(tmp_path, state(step), keep=1)
    assert len(said) == 1
    assert checkpoint.latest(tmp_path).step == 4
