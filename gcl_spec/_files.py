"""Files and folders that appear whole or not at all."""

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from gcl_spec.errors import CheckpointError, ConfigError

__all__ = [
    "append",
    "atomic_folder",
    "atomic_write",
    "check_writable",
    "locked",
    "remove_stale",
    "remove_stale_folders",
    "sync_file",
    "sync_folder",
]

_FOLDER = ".creating"
_FILE = ".writing"
_RANDOM = "[a-z0-9_]{8}"
# No space, no quota, and a limit on the size of a file.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def atomic_write(path: Path, *, size: int | None = None) -> Iterator[BinaryIO]:
    """A binary file that replaces `path` when the block ends well; on an error nothing changes.

    Written beside `path`, flushed to the disk, then renamed, so that neither a crash nor a full
    disk leaves half a file under the final name. What kill -9 leaves goes with the next write of
    the same name, or by `remove_stale`.

    Args:
        path: its folder is made where there is none.
        size: bytes that will be written, where known; fewer on the disk are an error.

    Raises:
        CheckpointError: the file cannot be written, such as on a full disk.
    """
    temporary: Path | None = None
    lock: int | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_stale(path.parent, re.escape(path.name))
        temporary, file, lock = _temporary_file(path)
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            written = os.fstat(file.fileno()).st_size
        if size is not None and written != size:
            raise OSError(errno.EIO, f"{written:,} bytes of {size:,} were written")
        # mkstemp makes private files; give this one the rights of an ordinary new file.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
        temporary = None
        sync_folder(path.parent)
    except OSError as error:
        raise _cannot_write(path, error, size) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if lock is not None:
            os.close(lock)


def check_writable(path: Path | None) -> None:
    """Could `path` be written? To be asked before the work whose result goes there; nothing stays.

    Raises:
        CheckpointError: it could not.
    """
    if path is None:
        return
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        there = next(folder for folder in path.absolute().parents if folder.exists())
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise _cannot_write(path, error, None) from error


def append(path: Path, data: bytes) -> None:
    """Add `data` to a file; a crash or a full disk may leave a part of it.

    Raises:
        CheckpointError: the file cannot be written, such as on a full disk.
    """
    try:
        with path.open("ab") as file:
            file.write(data)
    except OSError as error:
        raise _cannot_write(path, error, len(data)) from error


def remove_stale(folder: Path, name: str) -> None:
    """Remove what killed processes left of `atomic_write` in `folder`.

    Args:
        folder: may be missing.
        name: pattern of the final names; other files are none of ours. A file that its process is
            still writing is locked, and stays.
    """
    own = re.compile(rf"\.(?:{name})\.{_RANDOM}{re.escape(_FILE)}")
    for found in folder.iterdir() if folder.is_dir() else ():
        if not own.fullmatch(found.name) or found.is_symlink() or not found.is_file():
            continue
        lock = _lock(found, wait=False)
        if lock is not None:
            found.unlink(missing_ok=True)
            os.close(lock)


def _temporary_file(path: Path) -> tuple[Path, BinaryIO, int | None]:
    """A file beside `path`, open, and the second open file that locks it until it is closed."""
    while True:
        number, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_FILE, dir=path.parent)
        made = Path(name)
        # Of its own, because the file is closed, which may fail, before it gets its final name.
        lock = _lock(made, wait=True)
        if made.exists():
            return made, os.fdopen(number, "wb"), lock
        # Before it was locked another process took it for a stale one.
        os.close(number)
        if lock is not None:
            os.close(lock)


def _cannot_write(path: Path, error: OSError, size: int | None) -> CheckpointError:
    what = error.strerror or str(error)
    if error.errno in _FULL:
        needed = "" if size is None else f"{_megabytes(size)} are needed, "
        what += f" ({needed}{_megabytes(shutil.disk_usage(path.parent).free)} are free)"
    return CheckpointError(
        f"cannot write {path}: {what}; {_way_out(error)}, what was there before is untouched"
    )


def _way_out(error: OSError) -> str:
    if error.errno in _FULL:
        return "free some space or choose another place"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "make it writable or choose another place"
    return "choose another place"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A new folder that appears at `path` when the block ends well; on an error nothing stays.

    Yields its temporary place beside `path`. What killed processes left there for the same path is
    removed first; the lock on it tells that its process is gone.

    Raises:
        CheckpointError: it cannot be made, or there is something at `path` by now.
    """
    temporary: Path | None = None
    number: int | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_stale_folders(path)
        temporary, number = _temporary_folder(path)
        yield temporary
        temporary.chmod(0o755)
        temporary.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        what = error.strerror or str(error)
        raise CheckpointError(
            f"cannot make the folder {path}: {what}; {_way_out(error)}"
        ) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        if number is not None:
            os.close(number)


def _temporary_folder(path: Path) -> tuple[Path, int | None]:
    """A folder beside `path`, and the open file that locks it while this process lives."""
    while True:
        made = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=_FOLDER, dir=path.parent))
        number = _lock(made, wait=True)
        if made.exists():
            return made, number
        # Before it was locked another process took it for a stale one.
        if number is not None:
            os.close(number)


def remove_stale_folders(path: Path) -> None:
    """Remove what killed processes left of `atomic_folder` for this path.

    A folder that its process is still making is locked, and stays.
    """
    own = re.compile(rf"\.{re.escape(path.name)}\.[a-z0-9_]+{re.escape(_FOLDER)}")
    for found in path.parent.iterdir() if path.parent.is_dir() else ():
        if not own.fullmatch(found.name) or found.is_symlink() or not found.is_dir():
            continue
        number = _lock(found, wait=False)
        if number is not None:
            shutil.rmtree(found, ignore_errors=True)
            os.close(number)


def _lock(folder: Path, *, wait: bool) -> int | None:
    """Lock a folder or file; None where another process holds it, or where there are no locks.

    The lock ends with the process, even by kill -9, or when the returned file is closed.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    try:
        number = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(number, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(number)
        return None
    return number


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Train in a run folder alone; the lock ends with the process, even by kill -9.

    No lock where the system, or a file system over a network, has none.

    Raises:
        ConfigError: another process has it.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConfigError(
                    f"another process trains in {folder}: wait for its end, or end it first"
                ) from None
        yield
    finally:
        os.close(number)


def sync_file(path: Path) -> None:
    """Make what was written to a file durable; `CheckpointError` where the disk refuses."""
    try:
        with path.open("ab") as file:
            os.fsync(file.fileno())
    except OSError as error:
        raise _cannot_write(path, error, None) from error


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` durable; a no-op where folders cannot be opened."""
    if os.name != "posix":
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
