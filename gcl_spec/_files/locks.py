"""Locks on files and folders that end with their process, even by kill -9."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gcl_spec.errors import ConfigError, FileError
from gcl_spec.progress import warn

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["let_go", "lock", "locked", "shared_file"]

# Systems that know no locks, such as some file systems over a network, answer with one of these.
_NO_LOCKS = {
    getattr(errno, name)
    for name in ("EBADF", "EINVAL", "ENOLCK", "ENOSYS", "ENOTSUP", "EOPNOTSUPP")
    if hasattr(errno, name)
}


def lock(path: Path, *, wait: bool) -> int | None:
    """Lock a folder or file; the lock ends with the process, or when `let_go` closes its file.

    Args:
        path: the folder or file.
        wait: until another process lets go of it.

    Returns:
        The number of the open file; None where another process holds the lock, or where the system
        has no locks.
    """
    try:
        number = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        held = _flock(number, wait=wait)
    except OSError:
        held = False
    if held:
        return number
    let_go(number)
    return None


def let_go(number: int | None) -> None:
    """Close the file of a lock; an error there loses nothing, because nothing was written to it."""
    if number is not None:
        with suppress(OSError):
            os.close(number)


@contextmanager
def shared_file(path: Path) -> Iterator[int]:
    """Open a file for reading and writing, for this process alone where the system has locks.

    The file is made where it is missing. Another process that asks for it waits.

    Raises:
        OSError: The file cannot be opened.
    """
    number = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        with suppress(OSError):  # a file system without locks: one process a file then
            _flock(number, wait=True)
        yield number
    finally:
        os.close(number)


@contextmanager
def locked(folder: Path, does: str = "trains") -> Iterator[None]:
    """Hold a folder within the block, so that no other process writes there.

    There is no lock where the system, or a file system over a network, has none.

    Args:
        folder: the folder of a run, or of embeddings.
        does: the word of the message for what the processes do.

    Raises:
        ConfigError: another process does it there.
        FileError: the folder cannot be opened.
    """
    if fcntl is None:
        yield
        return
    try:
        number = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise FileError(
            f"cannot lock {folder}: {error.strerror or error}; make it readable, or choose "
            "another place"
        ) from error
    try:
        try:
            _flock(number, wait=False)
        except BlockingIOError:
            raise ConfigError(
                f"another process {does} in {folder}: wait for its end, or end it first"
            ) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                warn(
                    f"cannot lock {folder}: {error.strerror or error}; see to it that no other "
                    f"process {does} there"
                )
        yield
    finally:
        let_go(number)


def _flock(number: int, *, wait: bool) -> bool:
    """Lock an open file; False where the system has no such locks.

    Raises:
        BlockingIOError: Another process holds it, and `wait` is false.
        OSError: The file system has no locks.
    """
    if fcntl is None:
        return False
    fcntl.flock(number, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    return True
