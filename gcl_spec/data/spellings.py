"""Paths whose letters are written otherwise than the names of the files that they mean."""

import unicodedata
from collections.abc import Iterator
from os.path import lexists
from pathlib import Path, PurePosixPath

__all__ = ["NOT_DATA", "ZipNames", "existing", "spellings", "with_slashes"]

# Archives on Windows write names in these encodings, and zip files do not say in which.
_ENCODINGS = ("utf-8", "gb18030", "cp932", "big5", "cp949", "cp1252", "cp1251")
_UTF8_FLAG = 0x800
NOT_DATA = ("__MACOSX", ".DS_Store")
"""Names that macOS adds to archives and folders."""


def with_slashes(path: str) -> str:
    r"""A path as Windows writes it with "/" between its parts.

    >>> with_slashes(r"images\000.jpg")
    'images/000.jpg'
    """
    return path.replace("\\", "/")


def existing(folder: Path, path: PurePosixPath) -> Path | None:
    """The file of this path, whose name may have composed for decomposed letters, or None.

    macOS decomposes letters in names (NFD), while texts are mostly composed (NFC).
    """
    for part in path.parts:
        name = next((form for form in spellings(part) if lexists(folder / form)), None)
        if name is None:
            return None
        folder /= name
    return folder


class ZipNames:
    """The members of a zip archive by path, however their names are written.

    A path is looked up as it stands, then in the encodings of old archives. It may leave out a
    folder that holds everything, as when a folder was packed. Names may have backslashes.

    Args:
        members: names and flags of the members, as `zipfile` gives them.
    """

    def __init__(self, members: Iterator[tuple[str, int]]) -> None:
        self._names: dict[str, str] = {}
        self._raw: dict[bytes, str] = {}
        for name, flags in members:
            shown = with_slashes(name)
            if not (flags & _UTF8_FLAG or name.isascii()):
                raw = name.encode("cp437")  # zipfile decodes names so that say no encoding
                self._raw.setdefault(raw, name)
                self._raw.setdefault(raw.replace(b"\\", b"/"), name)
                shown = with_slashes(_decoded(raw, name))
            self._names.setdefault(_composed(shown), name)
            self._names.setdefault(shown, name)
        self._top = _top(self._names)

    def find(self, path: str) -> str | None:
        """The name of the member of this path; None where there is none."""
        for place in (path, f"{self._top}/{path}" if self._top else path):
            name = self._names.get(place) or self._names.get(_composed(place))
            name = name or next(filter(None, map(self._raw.get, _encoded(place))), None)
            if name is not None:
                return name
        return None

    def folders(self, path: str) -> list[str]:
        """Names of the folders in a folder."""
        names: set[str] = set()
        for place in (path, f"{self._top}/{path}".rstrip("/") if self._top else path):
            prefix = f"{_composed(place)}/" if place else ""
            inner = (name[len(prefix) :] for name in self._names if name.startswith(prefix))
            names |= {name.partition("/")[0] for name in inner if "/" in name}
        return sorted(names.difference(NOT_DATA))


def spellings(text: str) -> Iterator[str]:
    """A name as it stands, then with composed and with decomposed letters."""
    yield text
    for form in ("NFC", "NFD"):
        if not text.isascii():
            yield unicodedata.normalize(form, text)


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _encoded(path: str) -> Iterator[bytes]:
    if path.isascii():
        return
    for form in spellings(path):
        for encoding in _ENCODINGS:
            try:
                yield form.encode(encoding)
            except UnicodeEncodeError:
                continue


def _decoded(raw: bytes, name: str) -> str:
    """The name as UTF-8 where that is possible, since macOS packs so without saying it."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return name


def _top(names: dict[str, str]) -> str:
    """The one folder that holds all files but those that macOS adds; else ""."""
    tops = set()
    for name in names:
        first, slash, _ = name.partition("/")
        if first not in NOT_DATA:
            tops.add(first if slash else "")
    return tops.pop() if len(tops) == 1 else ""
