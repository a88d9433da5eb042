"""The items of a folder of pictures, with captions beside them, and of texts.

A picture's caption lies beside it: cat.txt, cat.caption or cat.json for cat.jpg, or cat.jpg.txt. A
text file that belongs to no picture is an item of its own.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gcl_spec._files.reading import reason
from gcl_spec._words import escaped
from gcl_spec.config.user_paths import is_text
from gcl_spec.data.formats.caption_files import captions_in, files_beside
from gcl_spec.data.root import FolderRoot
from gcl_spec.data.spellings import NOT_DATA
from gcl_spec.embed.entry import Content, Entry
from gcl_spec.errors import DataError
from gcl_spec.index.about import ABOUT, TABLE

__all__ = ["PICTURES", "FolderListing"]

PICTURES = frozenset(
    (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff")
)
_UNREAD = frozenset(
    (".heic", ".heif", ".avif", ".jxl", ".jp2", ".psd", ".svg", ".ico", ".eps", ".tga", ".exr")
)
_RAW = frozenset((".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf"))
_HEADS = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8")
_TEXT = ".txt"
_SKIPPED = frozenset(
    (
        *NOT_DATA,
        "@eaDir",
        "#recycle",
        "Thumbs.db",
        "desktop.ini",
        "System Volume Information",
        "lost+found",
    )
)


@dataclass(frozen=True, slots=True)
class _File:
    """A picture with the files of its caption, or a text alone; paths below the folder."""

    path: str
    captions: tuple[str, ...] = ()


class FolderListing:
    """The pictures and texts below a folder, in the order of their paths, which are their ids.

    Hidden files and folders are left out, and links to folders are not followed.

    Args:
        folder: the folder.
        prefix: stands before each id.

    Raises:
        DataError: the folder cannot be read.
    """

    def __init__(self, folder: Path, prefix: str = "") -> None:
        self._root, self._prefix = FolderRoot(folder), prefix
        self._closed: list[OSError] = []
        names, self._links = _walk(folder, self._closed.append)
        self._files = list(_files(names))
        used = {x for file in self._files for x in (file.path, *file.captions)}
        self._others = Counter(
            Path(x).suffix.lower() or "no suffix" for x in names if x not in used
        )
        if any(x.filename == str(folder) for x in self._closed):
            raise DataError(f"{folder}: cannot read the folder: {reason(self._closed[0])}")
        self.closed = tuple(prefix + escaped(_below(folder, x.filename)) for x in self._closed)
        """The beginnings of the ids of items that lie in folders which cannot be read."""
        self._bad_captions: dict[str, str] = {}
        self._further: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._files)

    def entries(self, part: slice, /) -> list[Entry]:
        """The entries of a slice (`gcl_spec.embed.entry.Listing.entries`)."""
        return [self._entry(file) for file in self._files[part]]

    def notes(self) -> list[str]:
        """Lines on what is left out, or was not readable as a caption so far."""
        lines = []
        if self._others:
            kinds = ", ".join(f"{n:,} {kind}" for kind, n in self._others.most_common(5))
            lines.append(f"files that are no pictures and no texts are left out: {kinds}")
        if self._links:
            lines.append(
                f"links to folders are not followed: {len(self._links):,}, such as {self._links[0]}"
            )
        if self._closed:
            lines.append(
                f"folders that cannot be read: {len(self._closed):,}, such as "
                f"{self._closed[0].filename}: {reason(self._closed[0])}"
            )
        if self._bad_captions:
            name, why = next(iter(self._bad_captions.items()))
            lines.append(
                f"captions that cannot be read: {len(self._bad_captions):,}, such as {name}: {why}"
            )
        if self._further:
            count, name = sum(self._further.values()), next(iter(self._further))
            lines.append(
                f"of several captions the first is taken; {count:,} others are left out, such as "
                f"those of {name}"
            )
        return lines

    def _entry(self, file: _File) -> Entry:
        name = self._prefix + escaped(file.path)
        if not is_text(file.path):
            return Entry(name, (), "the name of the file is not UTF-8; rename it")
        suffix = Path(file.path).suffix.lower()
        if suffix in _UNREAD | _RAW and not self._is_picture(file.path):
            return Entry(name, (), f"{suffix[1:].upper()} files are not read; convert it to JPEG")
        captions = (file.path,) if suffix == _TEXT else file.captions
        text, why = self._caption(captions)
        if suffix == _TEXT:
            return Entry(name, (("text", text),) if text else (), why or _no(text))
        parts: Content = (("image", file.path),)
        return Entry(name, (*parts, ("text", text)) if text else parts)

    def _is_picture(self, path: str) -> bool:
        """Is this a JPEG, PNG, GIF or WebP, whatever its name says?"""
        try:
            with self._root.open(path) as file:
                head = file.read(12)
        except (DataError, OSError):
            return False
        return head.startswith(_HEADS) or (head[:4], head[8:]) == (b"RIFF", b"WEBP")

    def _caption(self, paths: tuple[str, ...]) -> tuple[str, str]:
        """The first text that the files hold, or why there is none."""
        texts: list[str] = []
        why = ""
        for path in paths:
            try:
                texts += captions_in(path, self._root.read_bytes(path))
            except (DataError, ValueError) as error:
                self._bad_captions[path] = why = reason(error)
        if len(others := {*texts} - {*texts[:1]}):
            self._further[paths[0]] = len(others)
        return (texts[0], "") if texts else ("", why)


def _walk(folder: Path, failed: Callable[[OSError], object]) -> tuple[list[str], list[str]]:
    """The paths of all files below a folder, sorted, and those of links to folders.

    Args:
        folder: the folder; an index in it is left out.
        failed: hears of folders that cannot be read.
    """
    files: list[str] = []
    links: list[str] = []
    for place, folders, names in os.walk(folder, onerror=failed):
        if ABOUT in names and f"{TABLE}.lance" in folders:
            folders.clear()
            continue
        start = _below(folder, place)
        links += [start + x for x in folders if os.path.islink(os.path.join(place, x))]  # noqa: PTH114, PTH118
        folders[:] = [x for x in folders if not _skipped(x)]
        files += [start + x for x in names if not _skipped(x)]
    return sorted(files), sorted(links)


def _below(folder: Path, place: str) -> str:
    """The path of a folder below another one, with "/" at its end; "" for that one itself."""
    below = os.path.relpath(place, folder)
    return "" if below == "." else below.replace(os.sep, "/") + "/"


def _skipped(name: str) -> bool:
    return name.startswith(".") or name in _SKIPPED


def _files(names: list[str]) -> Iterator[_File]:
    there = set(names)
    taken: set[str] = set()
    pictures = [x for x in names if Path(x).suffix.lower() in PICTURES | _UNREAD | _RAW]
    for name in pictures:
        captions = files_beside(name, there.__contains__)
        taken.update(captions)
        yield _File(name, captions)
    for name in names:
        if Path(name).suffix.lower() == _TEXT and name not in taken:
            yield _File(name)


def _no(text: str) -> str:
    return "" if text else "the file is empty"
