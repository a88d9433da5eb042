"""Where data lies: a folder or a zip archive, read by paths that cannot leave it."""

import os
from collections.abc import Sequence
from functools import cached_property
from os.path import lexists
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from gcl_spec._files.inside import Tree
from gcl_spec._files.packed import BROKEN, Archive
from gcl_spec._files.reading import is_file, is_folder, open_regular, read_regular, reason, regular
from gcl_spec._words import brief
from gcl_spec.config.user_paths import user_path
from gcl_spec.data.embedded import embedded
from gcl_spec.data.names import NOT_FETCHED
from gcl_spec.data.other_kinds import kind_of
from gcl_spec.data.spellings import NOT_DATA, ZipNames, existing, with_slashes
from gcl_spec.data.starter import starter_path
from gcl_spec.errors import DataError

__all__ = ["FolderRoot", "Root", "ZipRoot", "open_root", "pictures_root"]


class Root(Protocol):
    """A tree of files with "/" between the parts of a path."""

    name: str

    def read_bytes(self, path: str, /) -> bytes:
        """The content of a file; a `DataError` where it is missing, outside or too large."""
        ...

    def open(self, path: str, /) -> BinaryIO:
        """A file of any size, open for reading; a `DataError` where it is missing or outside.

        A damaged file raises one of `gcl_spec._files.packed.BROKEN` while it is read.
        """
        ...

    def exists(self, path: str, /) -> bool:
        """Is there a file of this path?"""
        ...

    def folders(self, path: str, /) -> list[str]:
        """Names of the folders in the folder `path` ("" for the root), sorted."""
        ...

    def listing(self, path: str, /) -> Sequence[str] | None:
        """Names of files in the folder `path`, not always all of them: `exists` knows of others.

        It is None where there is no such folder, and so no file in it.
        """
        ...


class FolderRoot:
    """A folder on disk.

    Nothing in it reaches a file outside of it: a link out is an error. The blobs of a repository in
    the hub's cache count as inside of its snapshots.

    Args:
        folder: the folder that the user names; it may be a link itself.
        linked: another folder whose links may lead into this one, because the user has named both:
            a path that is not in this folder is looked up there.
    """

    def __init__(self, folder: Path, *, linked: "FolderRoot | None" = None) -> None:
        self.name = str(folder)
        self._folder = folder.resolve()
        self._tree = Tree(folder)
        self._linked = linked

    def read_bytes(self, path: str, /) -> bytes:
        """The content of a regular file (`Root.read_bytes`); a pipe could be waited for."""
        picture = embedded(path)
        if picture is not None:
            return picture
        try:
            return read_regular(self._inside(path))
        except OSError as error:
            raise self._unreadable(path, error) from error

    def open(self, path: str, /) -> BinaryIO:
        """A file of any size, open for reading (`Root.open`)."""
        try:
            return open_regular(self._inside(path))
        except OSError as error:
            raise self._unreadable(path, error) from error

    def exists(self, path: str, /) -> bool:
        """Is there a file of this path (`Root.exists`)?"""
        return is_file(self._inside(path))

    def folders(self, path: str, /) -> list[str]:
        """The sorted names of the folders in a folder (`Root.folders`)."""
        folder = self._inside(path)
        try:
            names = [p.name for p in folder.iterdir() if p.is_dir()] if folder.is_dir() else []
        except OSError as error:
            raise self._unreadable(path, error) from error
        return sorted(set(names).difference(NOT_DATA))

    def listing(self, path: str, /) -> list[str] | None:
        """The names of the files in a folder (`Root.listing`), without links to files."""
        folder = self._inside(path)
        if not folder.is_dir():
            return None
        try:
            return [x.name for x in os.scandir(folder) if x.is_file(follow_symlinks=False)]
        except OSError as error:
            raise self._unreadable(path, error) from error

    def check(self, path: str, /) -> None:
        """Raise a `DataError` where there is no regular file of this path inside."""
        try:
            regular(self._inside(path))
        except OSError as error:
            raise self._unreadable(path, error) from error

    def _unreadable(self, path: str, error: OSError) -> DataError:
        return DataError(f"{self.name}: cannot read {brief(path)!r}: {error.strerror}{_also(path)}")

    def _inside(self, path: str) -> Path:
        target = self._target(path)
        if self._linked is not None and not target.exists():
            other = self._linked._target(path)
            if self._tree.holds(other):
                return other
        if not self._tree.holds(target):
            raise self._out(path, target)
        return target

    def _out(self, path: str, target: Path) -> DataError:
        # For pictures, the user is to name the folder in which the same path leads to this file.
        place = target
        for part in reversed(PurePosixPath(path).parts):
            if place.name != part:
                place = target.parent
                break
            place = place.parent
        option = f"for pictures with --set data.images={place}, else with data.path"
        return self._tree.leads_out(path, target, option)

    def _target(self, path: str) -> Path:
        """The file to which the path leads through all links; it may be outside."""
        if len(path) > _LONGEST:
            raise DataError(
                f"{self.name}: {brief(path)!r} is no path; base64 is read where it is that of a "
                "PNG, JPEG, WebP, GIF, BMP or TIFF file"
            )
        try:
            target = self._folder / _relative(self.name, self._below(path))
            if not lexists(target):
                slashed = _relative(self.name, with_slashes(self._below(path)))
                target = existing(self._folder, PurePosixPath(slashed)) or target
            target = target.resolve()
            target.is_file()  # an over-long name is found out here
        except (OSError, RuntimeError, UnicodeError) as error:  # links in a loop, a lone surrogate
            raise DataError(
                f"{self.name}: cannot follow the path {brief(path)!r}: {error}"
            ) from error
        return target

    def _below(self, path: str) -> str:
        """An absolute path into the folder as a path from there; any other path as it is."""
        path = user_path(path) if path.startswith("file:") else path
        if not path.startswith("/"):
            return path
        for folder in (Path(self.name).absolute(), self._folder):
            if PurePosixPath(path).is_relative_to(folder):
                return str(PurePosixPath(path).relative_to(folder))
        return path


_LONGEST = 4096  # the most characters of a path; Linux takes no longer ones


class ZipRoot:
    """A zip archive, whose members are read on demand."""

    def __init__(self, archive: Path) -> None:
        self.name = str(archive)
        try:
            self._zip = Archive(archive)
        except BROKEN as error:
            why = kind_of(archive) or f"cannot read the archive: {reason(error)}"
            raise DataError(f"{archive}: {why}") from error

    def read_bytes(self, path: str, /) -> bytes:
        """The content of a file (`Root.read_bytes`)."""
        picture = embedded(path)
        if picture is not None:
            return picture
        try:
            return self._zip.read(self._member(path))
        except BROKEN as error:
            raise self._unreadable(path, error) from error

    def open(self, path: str, /) -> BinaryIO:
        """A file of any size, open for reading (`Root.open`)."""
        try:
            return self._zip.open(self._member(path))
        except BROKEN as error:
            raise self._unreadable(path, error) from error

    def _unreadable(self, path: str, error: Exception) -> DataError:
        if isinstance(error, DataError):
            return error
        if isinstance(error, KeyError):
            return DataError(f"{self.name}: no file {brief(path)!r} in the archive{_also(path)}")
        return DataError(f"{self.name}: cannot read {brief(path)!r}: {reason(error)}")

    def exists(self, path: str, /) -> bool:
        """Is there a file of this path (`Root.exists`)?"""
        return self._names.find(self._relative(path)) is not None

    def folders(self, path: str, /) -> list[str]:
        """The sorted names of the folders in a folder (`Root.folders`)."""
        return self._names.folders(path)

    def listing(self, path: str, /) -> tuple[str, ...]:
        """No names (`Root.listing`), since the archive's own list is in memory."""
        return ()

    def _member(self, path: str) -> str:
        return self._names.find(self._relative(path)) or path

    def _relative(self, path: str) -> str:
        return _relative(self.name, with_slashes(path))

    @cached_property
    def _names(self) -> ZipNames:
        return ZipNames(self._zip.names_and_flags())


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
    raise DataError(f"no folder or zip archive {brief(path)!r}; give one, or 'starter'")


def pictures_root(images: str, root: Root) -> Root:
    """The root of pictures by `data.images`; links of the data's own folder may lead there."""
    if is_folder(images) and isinstance(root, FolderRoot):
        return FolderRoot(Path(images), linked=root)
    return open_root(images)


def _no_file(place: Path) -> DataError:
    try:
        regular(place)
    except OSError as error:
        return DataError(f"{place}: cannot read it: {error.strerror}")
    return DataError(f"{place}: cannot read it")


def _also(path: str) -> str:
    """Further words on a path that leads to no file."""
    if "://" in path:
        return f"; {NOT_FETCHED}"
    return ", nor one with '/' for '\\'" if "\\" in path else ""


def _relative(root: str, path: str) -> str:
    """The path without "./" and "//"; a `DataError` where it leads out."""
    pure = PurePosixPath(path)
    # A drive, as in C:/images, is none here, but no folder has such a name either.
    drive = len(path) > 2 and path[1] == ":" and path[2] in "/\\" and path[0].isalpha()
    if pure.is_absolute() or drive:
        raise DataError(
            f"{root}: {brief(path)!r} leads out of the data; paths are relative: where all begin "
            "alike, take that off, and name the folder with data.images"
        )
    if ".." in pure.parts or "\0" in path:
        raise DataError(
            f"{root}: {brief(path)!r} leads out of the data; paths are relative, without '..'"
        )
    return str(pure)
