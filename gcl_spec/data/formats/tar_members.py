"""Puts the members of a tar shard together to samples, by their names."""

import os
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from gcl_spec._files.packed import BROKEN
from gcl_spec._files.reading import open_regular
from gcl_spec.data.embedded import is_picture
from gcl_spec.data.prepare.frame_places import VIDEO_ENDINGS
from gcl_spec.errors import DataError

__all__ = ["FIELDS", "MISSING", "NO_FILE", "Scan", "Span", "contents", "scan"]

FIELDS = ("image", "txt", "json", "video")
MISSING, NO_FILE = -1, -2
Span = tuple[int, int]
# Field to span and extension; 4 and 5 are a text and a picture of unusual extensions.
_Group = dict[int, tuple[Span, str]]

_IMAGES = frozenset({"jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff"})
_VIDEOS = frozenset(ending.removeprefix(".") for ending in VIDEO_ENDINGS)
_IMAGE, _TXT, _JSON, _VIDEO, _OTHER_TEXT, _OTHER_IMAGE = range(6)
_OTHER_TEXTS = frozenset({"caption", "captions", "text", "cap"})
_OTHER_IMAGES = frozenset({"img", "image", "pic", "picture"})
# A .cap may be the record of a network, and an .img the image of a disk.
_UNSURE = frozenset({"cap"}) | _OTHER_IMAGES
_BEGINNING = 512
_CHUNK = 2**20


@dataclass
class Scan:
    """The findings of a pass over a shard.

    Args:
        videos: are videos read, which else are members of an unknown kind?
        samples: spans of `FIELDS` by key: offset and size, or `MISSING` or `NO_FILE` with 0.
        twice: the members of one key and field, beyond the first.
        left: the ends of names that are not read, with their number.
        read: the extensions that are read as .txt, with their number.
        pictures: the extensions that are read as pictures by their content, with their number.
        joined: the number of samples of names such as key.image.jpg and key.caption.txt.
        archives: the number of archives, one behind the other, as `cat` joins them.
        headers: the number of members, of any kind.
        problem: the reason why the pass ended before the end, or "".
        rest: the bytes behind the end that are no tar archive.
    """

    videos: bool = False
    samples: dict[str, list[Span]] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)
    read: Counter[str] = field(default_factory=Counter)
    pictures: Counter[str] = field(default_factory=Counter)
    joined: int = 0
    archives: int = 0
    headers: int = 0
    problem: str = ""
    rest: int = 0

    def take(self, groups: dict[str, _Group]) -> None:
        """Add the samples of one archive; a key that an earlier one has gets its number."""
        for key, group in _settled(groups, self).items():
            self._choose(group, _TXT, _OTHER_TEXT, self.read)
            self._choose(group, _IMAGE, _OTHER_IMAGE, self.pictures)
            name = f"{key} (archive {self.archives})" if key in self.samples else key
            spans = [group[n][0] if n in group else (MISSING, 0) for n in range(len(FIELDS))]
            self.samples[name] = spans

    def _choose(self, group: _Group, kind: int, unusual: int, read: Counter[str]) -> None:
        """Take the member of an unusual extension where there is no other of its kind."""
        other = group.pop(unusual, None)
        if other is not None and kind not in group:
            group[kind] = other
            read[f".{other[1]}"] += 1
        elif other is not None:
            self.left[f".{other[1]}"] += 1


def scan(path: Path, *, videos: bool = False) -> Scan:
    """The findings of one pass over a shard, and over what `cat` put behind it.

    Args:
        path: the shard.
        videos: are videos read?

    Raises:
        DataError: the file cannot be read.
    """
    findings = Scan(videos)
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            start: int | None = 0
            while start is not None and not findings.problem:
                end = _scan_archive(path, start, size, findings)
                start = None if end is None else _next_block(file.fileno(), end, size)
    except OSError as error:
        raise DataError(f"{path}: cannot read the shard: {error.strerror}") from error
    return findings


def _scan_archive(path: Path, start: int, size: int, findings: Scan) -> int | None:
    """Read the archive at byte `start`; where its end is, or None where nothing can follow."""
    groups: dict[str, _Group] = {}
    last, headers, end = "", findings.headers, start
    problem = ""
    try:
        with path.open("rb") as file:
            file.seek(start)
            with tarfile.open(fileobj=file, mode="r:") as archive:
                for member in archive:
                    findings.headers += 1
                    last = _add(member, file, size, groups, findings) or last
                end = archive.offset
        # Where a header is damaged tarfile stops as it does at the end.
        problem = "" if _is_end(path, end) else "cut off or damaged"
    except OSError:
        raise
    except (
        *BROKEN,
        tarfile.TarError,
    ) as error:  # damaged headers raise ValueError, too
        problem = str(error) or type(error).__name__
    if start and findings.headers == headers:
        findings.rest = size - start  # these bytes are no archive; those before them are whole
        return None
    if problem:
        groups.pop(last, None)  # it may have lost a part, such as the caption after the picture
    findings.problem = problem
    findings.archives += 1
    findings.take(groups)
    return end


def _add(
    member: tarfile.TarInfo, file: BinaryIO, size: int, groups: dict[str, _Group], findings: Scan
) -> str | None:
    """Add a member to the sample of its name; returns that one's key, None where there is none."""
    if member.size < 0:
        raise tarfile.ReadError("a member of negative size")
    if member.isdir():
        return None
    place = _place(member.name, findings.videos)
    if isinstance(place, str):
        findings.left[place] += 1
        return None
    key, kind, extension = place
    span = _span(member, kind, groups, findings.videos)
    if sum(span) > size:
        return None
    if extension.lower() in _UNSURE and not _fits(file.fileno(), span, kind):
        findings.left[f".{extension}"] += 1
        return None
    group = groups.setdefault(key, {})
    if kind not in group:
        group[kind] = (span, extension)
    elif group[kind][0] != span:  # else it is a link to itself, as tar writes of a file named twice
        findings.twice.append(f"{key} ({(*FIELDS, 'txt', 'image')[kind]})")
    return key


def _fits(number: int, span: Span, kind: int) -> bool:
    """Does a member begin as a picture or a text does?"""
    begun = b"" if span[0] < 0 else os.pread(number, min(_BEGINNING, span[1]), span[0])
    return is_picture(begun) if kind == _OTHER_IMAGE else b"\0" not in begun


def _place(path: str, videos: bool) -> tuple[str, int, str] | str:
    """The key, kind and extension of a member's name, or the words by which others are counted."""
    folder, _, name = path.removeprefix("./").rpartition("/")
    # Names are cut at the last dot, because samples may have dots in them, such as photo.001.jpg.
    stem, _, extension = name.rpartition(".")
    kind = _kind(extension.lower(), videos)
    if name.startswith("."):
        return "hidden files"
    if not stem or kind is None:
        return f".{extension}" if stem else "no extension"
    inner, _, end = stem.rpartition(".")
    files = _IMAGES | _VIDEOS if videos else _IMAGES
    if kind not in (_IMAGE, _OTHER_IMAGE, _VIDEO) and inner and end.lower() in files:
        stem = inner  # the text of 1.jpg may be 1.jpg.txt
    return f"{folder}/{stem}" if folder else stem, kind, extension


def _span(member: tarfile.TarInfo, kind: int, groups: Mapping[str, _Group], videos: bool) -> Span:
    """The place of a member's content; that of a hard link is the content of a member before it."""
    if member.isreg() and not member.issparse():
        return member.offset_data, member.size
    target = _place(member.linkname, videos) if member.islnk() else ""
    if isinstance(target, tuple) and target[1] == kind and kind in groups.get(target[0], {}):
        return groups[target[0]][kind][0]
    return NO_FILE, 0


def _kind(extension: str, videos: bool) -> int | None:
    if extension in _IMAGES:
        return _IMAGE
    if extension in _VIDEOS:
        return _VIDEO if videos else None
    if extension in _OTHER_TEXTS | _OTHER_IMAGES:
        return _OTHER_TEXT if extension in _OTHER_TEXTS else _OTHER_IMAGE
    return FIELDS.index(extension) if extension in ("txt", "json") else None


def _settled(groups: dict[str, _Group], findings: Scan) -> dict[str, _Group]:
    """The samples, where names with several dots may be read in two ways.

    photo.001.jpg and photo.001.txt are the sample photo.001. A member that has no partner by this
    rule is taken as webdataset does, which ends a key at the first dot: 1.image.jpg and
    1.caption.txt are the sample 1; 1.mask.png beside a whole sample 1 is a member that is not read.
    """
    pieces: dict[str, list[str]] = {}
    for key, group in groups.items():
        first = _first(key)
        if first != key and not _is_whole(group):
            pieces.setdefault(first, []).append(key)
    target = {key: key for key in groups}
    for first, keys in pieces.items():
        own = groups.get(first, {})
        kinds = [kind for key in (first, *keys) for kind in groups.get(key, {})]
        fits = len(set(kinds)) == len(kinds) and not _is_whole(own)
        words = not any(char.isdigit() for key in keys for char in key[len(first) :])
        if fits and (own or len(keys) > 1) and words:
            target |= dict.fromkeys(keys, first)
            findings.joined += 1
        elif own:
            for key in keys:
                for _, extension in groups[key].values():
                    findings.left[f"{key[len(first) :]}.{extension}"] += 1
                del target[key]
    settled: dict[str, _Group] = {}
    for key, name in target.items():
        settled.setdefault(name, {}).update(groups[key])
    return settled


def _first(key: str) -> str:
    """The key up to the first dot of its name.

    >>> _first("a.b/photo.001")
    'a.b/photo'
    """
    folder, slash, name = key.rpartition("/")
    return folder + slash + name.partition(".")[0]


def _is_whole(group: _Group) -> bool:
    return not group.keys().isdisjoint((_IMAGE, _OTHER_IMAGE, _VIDEO)) and len(group) > 1


def _is_end(path: Path, offset: int) -> bool:
    """Does the archive end there as tar files do, with blocks of zeros?"""
    with path.open("rb") as file:
        file.seek(offset)
        block = file.read(tarfile.BLOCKSIZE)
    return len(block) == tarfile.BLOCKSIZE and not any(block)


def _next_block(number: int, start: int, size: int) -> int | None:
    """The first block from `start` on that is not of zeros; None at the file's end."""
    for at in range(start, size, _CHUNK):
        data = os.pread(number, _CHUNK, at)
        rest = data.lstrip(b"\0")
        if rest:
            return at + (len(data) - len(rest)) // tarfile.BLOCKSIZE * tarfile.BLOCKSIZE
    return None


def contents(path: Path, spans: Iterable[Span], most: int) -> Iterator[bytes]:
    """The contents of members of at most `most` bytes, without longer ones, links and gaps."""
    with path.open("rb") as file:
        for offset, size in spans:
            if offset >= 0 and size <= most:
                yield os.pread(file.fileno(), size, offset)
