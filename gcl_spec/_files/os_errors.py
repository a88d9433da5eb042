"""What the system refuses to do with files, in one line with the way out."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gcl_spec._files.reading import megabytes, reason
from gcl_spec.errors import FileError
from gcl_spec.progress import warn

__all__ = ["cannot_write", "not_durable", "one_line", "tidying", "way_out"]

# The disk is full, a quota is reached, or a limit on the size of a file.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def one_line(what: str, path: Path) -> Iterator[None]:
    """Turn an `OSError` of this block into a `FileError` of one line.

    Args:
        what: the work, such as "read".
        path: what it is done to, where the system names nothing else.

    Raises:
        FileError: the block raised an `OSError`.
    """
    try:
        yield
    except OSError as error:
        where = error.filename if isinstance(error.filename, str) else path
        full = error.errno in _FULL
        advice = way_out(error) if full else "check its rights and the disk, then try again"
        raise FileError(f"cannot {what} {where}: {reason(error)}; {advice}") from error


@contextmanager
def tidying(what: str, path: Path) -> Iterator[None]:
    """A block of clean-up, without which work can go on: where it fails, that is said once."""
    try:
        yield
    except OSError as error:
        about = f"{what} {path.parent} {error.errno}"
        said = f"cannot {what} {path}: {reason(error)}"
        warn(f"{said}; what is there stays, and work goes on", about=about)


def cannot_write(path: Path, error: OSError, size: int | None) -> FileError:
    """The error for a file that could not be written.

    Args:
        path: the file that it was to replace.
        error: what the system says.
        size: its bytes, where they are known.
    """
    what = reason(error)
    if error.errno in _FULL:
        needed = "" if size is None else f"{megabytes(size)} are needed, "
        what += f" ({needed}{_free(path.parent)} are free)"
    return FileError(
        f"cannot write {path}: {what}; {way_out(error)}, what was there before is untouched"
    )


def not_durable(path: Path, error: OSError) -> FileError:
    """The error for a file that is written, and has its name, but may not be on the disk."""
    return FileError(
        f"{path} is written, but the system cannot tell whether it is safe on the disk: "
        f"{reason(error)}; a power cut may lose it: check the disk before you go on"
    )


def _free(folder: Path) -> str:
    try:
        return megabytes(shutil.disk_usage(folder).free)
    except OSError:
        return "an unknown number of MB"


def way_out(error: OSError) -> str:
    """What a user can do where something cannot be written."""
    if error.errno in _FULL:
        return "free some space or choose another place"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "make it writable or choose another place"
    return "choose another place"
