"""Where data lies: a folder or a zip archive, read by paths that cannot leave it."""

import zipfile
import zlib
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Protocol

from gcl_spec.data.starter import starter_path
from gcl_spec.errors import DataError

__all__ = ["FolderRoot", "Root", "ZipRoot", "open_root"]


class Root(Protocol):
    """A tree of files with "/" between the parts of a path."""

    name: str

    def read_bytes(self, path: str, /) -> bytes:
        """The file's content; `DataError` when it is missing or outside."""
        ...

    def exists(self, path: str, /) -> bool:
        """Is there a file of this path?"""
        ...

    def folders(self, path: str, /) -> list[str]:
        """Names of the folders in the folder `path` ("" for the root), sorted."""
        ...


class FolderRoot:
    """A folder on disk."""

    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        self._folder = folder.resolve()

    def read_bytes(self, path: str, /) -> bytes:
        """See `Root`; a link that leads out of the folder counts as outside."""
        try:
            return self._inside(path).read_bytes()
        except OSError as error:
            raise DataError(f"{self.name}: cannot read {path!r}: {error.strerror}") from error

    def exists(self, path: str, /) -> bool:
        """See `Root`."""
        return self._inside(path).is_file()

    def folders(self, path: str, /) -> list[str]:
        """See `Root`."""
        folder = self._inside(path)
        return sorted(p.name for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []

    def _inside(self, path: str) -> Path:
        relative = _relative(self.name, path)
        try:
            target = (self._folder / relative).resolve()
            target.is_file()  # an over-long name is found out here
        except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a lone surrogate
            raise DataError(
                f"{self.name}: cannot follow the path {path[:80]!r}: {error}"
            ) from error
        if not target.is_relative_to(self._folder):
            raise DataError(f"{self.name}: {path!r} leads out of the folder")
        return target


class ZipRoot:
    """A zip archive; members are read on demand."""

    def __init__(self, archive: Path) -> None:
        self.name = str(archive)
        try:
            self._zip = zipfile.ZipFile(archive)
        except _BROKEN as error:
            raise DataError(f"{archive}: cannot read the archive: {error}") from error

    def read_bytes(self, path: str, /) -> bytes:
        """See `Root`."""
        try:
            return self._zip.read(_relative(self.name, path))
        except KeyError:
            raise DataError(f"{self.name}: no file {path!r} in the archive") from None
        except _BROKEN as error:
            raise DataError(f"{self.name}: cannot read {path!r}: {error}") from error

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
        return frozenset(self._zip.namelist())


_COMPRESSED = (".gz", ".tgz", ".bz2", ".xz", ".zst")


def open_root(path: str | Path) -> Root:
    """The starter set ("starter"), a folder, or a zip archive.

    Raises:
        DataError: there is nothing of that name, or the archive is damaged.
    """
    if path == "starter":
        return ZipRoot(starter_path())
    place = Path(path)
    if place.is_dir():
        return FolderRoot(place)
    if place.suffix.lower() in _COMPRESSED and place.is_file():
        raise DataError(
            f"{place} is compressed, and cannot be read in any order; decompress it, as with "
            "gunzip, and name what comes out"
        )
    if place.is_file():
        return ZipRoot(place)
    raise DataError(f"no folder or zip archive {str(path)!r}; give one, or 'starter'")


# What zipfile raises for damaged archives: more than its own error.
_BROKEN = (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)


def _relative(root: str, path: str) -> str:
    """The path without "./" and "//"; `DataError` where it leads out."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\\" in path or "\0" in path:
        raise DataError(f"{root}: {path!r} leads out of the data; paths are relative, without '..'")
    return str(pure)
