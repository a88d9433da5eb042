"""Files and folders that appear whole or not at all."""

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from gcl_spec._files.locks import let_go, lock
from gcl_spec._files.os_errors import cannot_write, not_durable, tidying, way_out
from gcl_spec._files.reading import reason, regular
from gcl_spec.errors import FileError

__all__ = [
    "append",
    "atomic_folder",
    "atomic_write",
    "check_writable",
    "remove_stale",
    "remove_stale_folders",
    "sync_file",
]

_FOLDER = ".creating"
_FILE = ".writing"
_RANDOM = "[a-z0-9_]{8}"
# Some file systems, such as FAT and some over a network, know no fsync of a folder.
_NO_SYNC = (errno.EBADF, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


@contextmanager
def atomic_write(path: Path, *, size: int | None = None) -> Iterator[BinaryIO]:
    """A binary file that replaces `path` when the block ends well; on an error nothing changes.

    The file is written beside `path`, flushed to the disk, then renamed, so that neither a crash
    nor a full disk leaves half a file under the final name. The next write of the same name, or
    `remove_stale`, removes what kill -9 leaves.

    Args:
        path: the final name; its folder is made where there is none.
        size: bytes that will be written, where known; fewer on the disk are an error.

    Raises:
        FileError: the file cannot be written, such as on a full disk.
    """
    replaced = False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _refuse_special(path)
        remove_stale(path.parent, re.escape(path.name))
        with _beside(path) as (temporary, number):
            with os.fdopen(number, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                written = os.fstat(file.fileno()).st_size
            if size is not None and written != size:
                raise OSError(errno.EIO, f"{written:,} bytes of {size:,} were written")
            # mkstemp makes private files; this one gets the rights of an ordinary new file.
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)
            temporary.replace(path)
            replaced = True
        _sync_folder(path.parent)
    except OSError as error:
        raise (not_durable(path, error) if replaced else cannot_write(path, error, size)) from error


def check_writable(path: Path | None) -> None:
    """Refuse a `path` that could not be written, before the work is done whose result goes there.

    Raises:
        FileError: it could not be written.
    """
    if path is None:
        return
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        _refuse_special(path)
        there = next(folder for folder in path.absolute().parents if folder.exists())
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise cannot_write(path, error, None) from error


def _refuse_special(path: Path) -> None:
    """Refuse, by an `OSError`, a pipe, socket or device, whose place a renamed file would take.

    Root could replace /dev/null in this way.
    """
    if path.exists() and not path.is_dir():
        regular(path)


def append(path: Path, data: bytes) -> None:
    """Add `data` to a file; a crash or a full disk may leave a part of it.

    Raises:
        FileError: the file cannot be written, such as on a full disk.
    """
    try:
        with path.open("ab") as file:
            file.write(data)
    except OSError as error:
        raise cannot_write(path, error, len(data)) from error


def remove_stale(folder: Path, name: str) -> None:
    """Remove what killed processes left of `atomic_write` in `folder`.

    Args:
        folder: where the files were written; it may be missing.
        name: pattern of the final names; files of other names stay. A file that its process is
            still writing is locked, and stays, too.
    """
    own = re.compile(rf"\.(?:{name})\.{_RANDOM}{re.escape(_FILE)}")
    for entry in _left_in(folder, own):
        _remove_left(entry, Path.is_file, lambda path: path.unlink(missing_ok=True))


def _left_in(folder: Path, own: re.Pattern[str]) -> list[Path]:
    """The entries of such a name in a folder, which may be missing."""
    with tidying("look for what killed processes left in", folder):
        if folder.is_dir():
            return [entry for entry in folder.iterdir() if own.fullmatch(entry.name)]
    return []


@contextmanager
def _beside(path: Path) -> Iterator[tuple[Path, int]]:
    """A temporary file beside `path`, locked and open; it is removed where the block fails.

    The lock has an open file of its own, because the writer's file is closed, which may fail,
    before it gets its final name.
    """
    while True:
        number, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_FILE, dir=path.parent)
        made, held = Path(name), lock(Path(name), wait=True)
        try:
            if not _is_gone(made):
                yield made, number
                return
            # Before it was locked another process took it for a stale one.
            os.close(number)
        except BaseException:
            with tidying("remove", made):
                made.unlink(missing_ok=True)
            raise
        finally:
            let_go(held)


def _is_gone(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:  # the next use of the file says what is wrong
        return False
    return False


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A new folder that appears at `path` when the block ends well; on an error nothing stays.

    It first removes what killed processes left there for the same path; a lock tells whether the
    process of such a folder is gone.

    Yields:
        Its temporary place beside `path`.

    Raises:
        FileError: it cannot be made, or there is something at `path` by now.
    """
    made = False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_stale_folders(path)
        with _folder_beside(path) as temporary:
            yield temporary
            temporary.chmod(0o755)
            temporary.rename(path)
            made = True
        _sync_folder(path.parent)
    except OSError as error:
        if made:
            raise not_durable(path, error) from error
        raise FileError(
            f"cannot make the folder {path}: {reason(error)}; {way_out(error)}"
        ) from error


@contextmanager
def _folder_beside(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path`, locked; it is removed where the block fails."""
    while True:
        made = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=_FOLDER, dir=path.parent))
        held = lock(made, wait=True)
        try:
            if not _is_gone(made):
                yield made
                return
            # Before it was locked another process took it for a stale one.
        except BaseException:
            _remove_tree(made)
            raise
        finally:
            let_go(held)


def remove_stale_folders(path: Path) -> None:
    """Remove what killed processes left of `atomic_folder` for this path.

    A folder that its process is still making is locked, and stays.
    """
    own = re.compile(rf"\.{re.escape(path.name)}\.{_RANDOM}{re.escape(_FOLDER)}")
    for entry in _left_in(path.parent, own):
        _remove_left(entry, Path.is_dir, _remove_tree)


def _remove_left(
    path: Path, is_ours: Callable[[Path], bool], remove: Callable[[Path], None]
) -> None:
    """Remove what a process left, where it is gone and holds no lock; no link is followed."""
    with tidying("remove", path):
        if path.is_symlink() or not is_ours(path):
            return
        held = lock(path, wait=False)
        try:
            if held is not None:
                remove(path)
        finally:
            let_go(held)


def _remove_tree(folder: Path) -> None:
    """Remove as much of a folder as can be removed, and warn of what stays."""
    shutil.rmtree(folder, ignore_errors=True)
    with tidying("remove", folder):
        if folder.exists():
            folder.rmdir()  # for the system's reason


def sync_file(path: Path) -> None:
    """Make what was written to a file durable.

    Raises:
        FileError: the disk refuses.
    """
    try:
        with path.open("ab") as file:
            os.fsync(file.fileno())
    except OSError as error:
        raise not_durable(path, error) from error


def _sync_folder(folder: Path) -> None:
    """Make renames in `folder` durable, where the system can."""
    if os.name != "posix":
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        let_go(number)
