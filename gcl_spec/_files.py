"""Files and folders that appear whole or not at all."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from gcl_spec.errors import CheckpointError

__all__ = ["atomic_folder", "atomic_write", "sync_folder"]

_SUFFIX = ".creating"


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """A binary file that replaces `path` when the block ends well; on an error nothing changes.

    Written beside `path`, flushed to the disk, then renamed, so that neither a crash nor a full
    disk leaves half a file under the final name.

    Raises:
        CheckpointError: the file cannot be written, such as on a full disk.
    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        number, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(number, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes private files; give this one the rights of an ordinary new file.
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
        temporary = None
        sync_folder(path.parent)
    except OSError as error:
        raise CheckpointError(
            f"cannot write {path}: {error.strerror or error}; free some space or choose another "
            "place, what was there before is untouched"
        ) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


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
        _remove_stale(path)
        temporary, number = _temporary_folder(path)
        yield temporary
        temporary.chmod(0o755)
        temporary.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        raise CheckpointError(f"cannot make the run folder {path}: {error}") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        if number is not None:
            os.close(number)


def _temporary_folder(path: Path) -> tuple[Path, int | None]:
    """A folder beside `path`, and the open file that locks it while this process lives."""
    while True:
        made = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=_SUFFIX, dir=path.parent))
        number = _lock(made, wait=True)
        if made.exists():
            return made, number
        # Before it was locked another process took it for a stale one.
        if number is not None:
            os.close(number)


def _remove_stale(path: Path) -> None:
    own = re.compile(rf"\.{re.escape(path.name)}\.[a-z0-9_]+{re.escape(_SUFFIX)}")
    for found in path.parent.iterdir():
        if not own.fullmatch(found.name) or found.is_symlink() or not found.is_dir():
            continue
        number = _lock(found, wait=False)
        if number is not None:
            shutil.rmtree(found, ignore_errors=True)
            os.close(number)


def _lock(folder: Path, *, wait: bool) -> int | None:
    """Lock a folder; None where another process holds it, or where folders cannot be locked.

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


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` durable; a no-op where folders cannot be opened."""
    if os.name != "posix":
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
