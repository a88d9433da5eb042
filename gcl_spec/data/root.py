"""Where data lies: a folder or a zip archive, read by paths that cannot leave it."""

import os
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from gcl_spec._reading import (
    is_file,
    is_folder,
    open_regular,
    read_regular,
    reason,
    regular,
)
from gcl_spec.data.packed import BROKEN, Archive
from gcl_spec.data.starter import starter_path
from gcl_spec.errors import DataError

__all__ = ["FolderRoot", "Root", "ZipRoot", "open_root", "pictures_root"]


class Root(Protocol):
    """A tree of files with "/" between the parts of a path."""

    name: str

    def read_bytes(self, path: str, /) -> bytes:
        """The file's content; `DataError` when it is missing, outside or too large."""
        ...

    def open(self, path: str, /) -> BinaryIO:
        """A file of any size for reading; `DataError` as `read_bytes`.

        Whatever is damaged raises one of `gcl_spec.data.packed.BROKEN` while it is read.
        """
        ...

    def exists(self, path: str, /) -> bool:
        """Is there a file of this path?"""
        ...

    def folders(self, path: str, /) -> list[str]:
        """Names of the folders in the folder `path` ("" for the root), sorted."""
        ...


class FolderRoot:
    """A folder on disk.

    Nothing in it reaches a file outside of it: a link out is an error. Of a snapshot in the hub's
    cache the blobs of the same repository count as inside.

    Args:
        folder: named by the user; it may be a link itself.
        linked: another folder whose links may lead into this one, because the user has named both:
            a path that is not in this folder is looked up there.
        option: that names such a folder, for errors.
    """

    def __init__(
        self, folder: Path, *, linked: "FolderRoot | None" = None, option: str = "data.path"
    ) -> None:
        self.name = str(folder)
        self._folder = folder.resolve()
        self._blobs = _blobs(self._folder)
        self._linked = linked
        self._option = option

    def read_bytes(self, path: str, /) -> bytes:
        """See `Root`; regular files only, so that none is waited for."""
        try:
            return read_regular(self._inside(path))
        except OSError as error:
            raise self._unreadable(path, error) from error

    def open(self, path: str, /) -> BinaryIO:
        """See `Root`."""
        try:
            return open_regular(self._inside(path))
        except OSError as error:
            raise self._unreadable(path, error) from error

    def exists(self, path: str, /) -> bool:
        """See `Root`."""
        return is_file(self._inside(path))

    def folders(self, path: str, /) -> list[str]:
        """See `Root`."""
        folder = self._inside(path)
        try:
            return sorted(p.name for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []
        except OSError as error:
            raise self._unreadable(path, error) from error

    def check(self, path: str, /) -> None:
        """`DataError` where there is no regular file of this path inside."""
        try:
            regular(self._inside(path))
        except OSError as error:
            raise self._unreadable(path, error) from error

    def _unreadable(self, path: str, error: OSError) -> DataError:
        return DataError(f"{self.name}: cannot read {path!r}: {error.strerror}")

    def _inside(self, path: str) -> Path:
        target = self._target(path)
        if self._linked is not None and not target.exists():
            other = self._linked._target(path)
            if self._holds(other):
                return other
        if not self._holds(target):
            raise self._out(path, target)
        return target

    def _out(self, path: str, target: Path) -> DataError:
        # For pictures the folder to name is the one in which the same path leads to the same file.
        place = target
        for part in reversed(PurePosixPath(path).parts):
            if place.name != part:
                place = target.parent
                break
            place = place.parent
        pictures = f"for pictures with --set data.images={place}, else with "
        return DataError(
            f"{self.name}: {path!r} is a link that leads out of the folder, to {target}; name that "
            f"place, {pictures if self._option == 'data.path' else 'with '}{self._option}, or copy "
            f"the folder without links: cp -RL {self.name} COPY"
        )

    def _target(self, path: str) -> Path:
        """Where the path leads through all links; it may be outside."""
        relative = _relative(self.name, path)
        try:
            target = (self._folder / relative).resolve()
            target.is_file()  # an over-long name is found out here
        except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a lone surrogate
            raise DataError(f"{self.name}: cannot follow the path {path!r}: {error}") from error
        return target

    def _holds(self, target: Path) -> bool:
        inside = target.is_relative_to(self._folder)
        return inside or (self._blobs is not None and target.is_relative_to(self._blobs))


_REPOSITORIES = ("datasets--", "models--", "spaces--")


def _blobs(folder: Path) -> Path | None:
    """Where the links of a snapshot in the hub's cache lead: REPO/snapshots/REV to REPO/blobs."""
    for revision in (folder, *folder.parents):
        repository = revision.parent.parent
        if revision.parent.name == "snapshots" and repository.name.startswith(_REPOSITORIES):
            return repository / "blobs"
    return None


class ZipRoot:
    """A zip archive; members are read on demand."""

    def __init__(self, archive: Path) -> None:
        self.name = str(archive)
        try:
            self._zip = Archive(archive)
        except BROKEN as error:
            raise DataError(f"{archive}: cannot read the archive: {reason(error)}") from error

    def read_bytes(self, path: str, /) -> bytes:
        """See `Root`."""
        try:
            return self._zip.read(_relative(self.name, path))
        except BROKEN as error:
            raise self._unreadable(path, error) from error

    def open(self, path: str, /) -> BinaryIO:
        """See `Root`."""
        try:
            return self._zip.open(_relative(self.name, path))
        except BROKEN as error:
            raise self._unreadable(path, error) from error

    def _unreadable(self, path: str, error: Exception) -> DataError:
        if isinstance(error, DataError):
            return error
        if isinstance(error, KeyError):
            return DataError(f"{self.name}: no file {path!r} in the archive")
        return DataError(f"{self.name}: cannot read {path!r}: {reason(error)}")

    def exists(self, path: str, /) -> bool:
        """See `Root`."""
        return _relative(self.name, path) in self._names

    def folders(self, path: str, /) -> list[str]:
        """See `Root`."""
        prefix = f"{path}/" if path else ""
        inner = (name[len(prefix) :] for name in self._names if name.startswith(prefix))
        return sorted({name.partition("/")[0] for name in inner if "/" in name})

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self._zip.names())


_COMPRESSED = (".gz", ".tgz", ".bz2", ".xz", ".zst")


def open_root(path: str | Path) -> Root:
    """The starter set ("starter"), a folder, or a zip archive.

    Raises:
        DataError: there is nothing of that name, or the archive is damaged.
    """
    if path == "starter":
        return ZipRoot(starter_path())
    place = Path(path)
    if is_folder(place):
        return FolderRoot(place)
    if place.suffix.lower() in _COMPRESSED and is_file(place):
        raise DataError(
            f"{place} is compressed, and cannot be read in any order; decompress it, as with "
            "gunzip, and name what comes out"
        )
    if is_file(place):
        return ZipRoot(place)
    if os.path.lexists(place):
        raise _no_file(place)
    raise DataError(f"no folder or zip archive {str(path)!r}; give one, or 'starter'")


def pictures_root(images: str, root: Root) -> Root:
    """Where pictures lie by `data.images`; links of the data's own folder may lead there."""
    if is_folder(images) and isinstance(root, FolderRoot):
        return FolderRoot(Path(images), linked=root)
    return open_root(images)


def _no_file(place: Path) -> DataError:
    try:
        regular(place)
    except OSError as error:
        return DataError(f"{place}: cannot read it: {error.strerror}")
    return DataError(f"{place}: cannot read it")


def _relative(root: str, path: str) -> str:
    """The path without "./" and "//"; `DataError` where it leads out."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\\" in path or "\0" in path:
        raise DataError(f"{root}: {path!r} leads out of the data; paths are relative, without '..'")
    return str(pure)
