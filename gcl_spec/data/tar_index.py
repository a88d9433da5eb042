"""Where the samples of a tar shard lie: found in one pass, kept on disk, read by offset."""

import hashlib
import io
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gcl_spec._files import atomic_write, remove_stale
from gcl_spec._typing import IntArray
from gcl_spec.errors import CheckpointError, DataError

__all__ = ["TarIndex", "read_index", "read_indexes"]

_IMAGES = frozenset({"jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"})
_FIELDS = ("image", "txt", "json")
_VERSION = 2
_MISSING, _NO_FILE = -1, -2


@dataclass(frozen=True)
class TarIndex:
    """The S samples of a shard, in the order of their first members.

    spans: (S, 3, 2) int64: offset and size of picture, .txt and .json in the file; offset -1
        where there is none, -2 where the member is a link or has holes.
    """

    keys: tuple[str, ...]
    spans: IntArray
    warnings: tuple[str, ...]

    def span(self, number: int, field: str) -> tuple[int, int] | None:
        """Offset and size of "image", "txt" or "json"; `DataError` for what is no plain file."""
        offset, size = self.spans[number, _FIELDS.index(field)]
        if offset == _NO_FILE:
            raise DataError(f"{self.keys[number]}: its {field} is a link or has holes; no file")
        return None if offset == _MISSING else (int(offset), int(size))


def read_indexes(paths: Sequence[Path], cache: Path) -> list[TarIndex]:
    """The indexes of shards, see `read_index`; what killed processes left in `cache` is removed."""
    remove_stale(cache, r"tar-[0-9a-f]{24}\.npz")
    return [read_index(path, cache) for path in paths]


def read_index(path: Path, cache: Path) -> TarIndex:
    """The index of a shard, from `cache` where the file has not changed since.

    Raises:
        DataError: it cannot be read, is compressed, or holds no sample.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise DataError(f"{path}: cannot read the shard: {error.strerror}") from error
    key = f"{_VERSION} {path.resolve()} {stat.st_size} {stat.st_mtime_ns}"
    kept = cache / f"tar-{hashlib.sha256(key.encode()).hexdigest()[:24]}.npz"
    found = _load(kept, stat.st_size)
    if found is None:
        found = _scan(path, stat.st_size)
        _save(kept, found)
    return found


def _scan(path: Path, size: int) -> TarIndex:
    spans: dict[str, list[tuple[int, int]]] = {}
    last, problem, twice = "", "", []
    try:
        with tarfile.open(path, "r:") as archive:
            for last, field, span in _members(archive):
                if sum(span) <= size:
                    found = spans.setdefault(last, [(_MISSING, 0)] * len(_FIELDS))
                    if found[field][0] == _MISSING:
                        found[field] = span
                    else:
                        twice.append(f"{last} ({_FIELDS[field]})")
            # Where a header is damaged tarfile stops as it does at the end.
            problem = "" if _is_end(path, archive.offset) else "cut off or damaged"
    except (tarfile.TarError, EOFError) as error:
        problem = str(error)
    except OSError as error:
        raise DataError(f"{path}: cannot read the shard: {error.strerror}") from error
    if problem:
        spans.pop(last, None)  # a part of it may be lost, such as the caption after the picture
    if not spans:
        why = f" ({problem})" if problem else ""
        raise DataError(
            f"{path} holds no whole sample{why}; members are key.jpg "
            "(png, webp), key.txt and key.json of a tar file that is not compressed"
        )
    shape = (len(spans), len(_FIELDS), 2)
    array = np.asarray(list(spans.values()), np.int64).reshape(shape)
    return TarIndex(tuple(spans), array, tuple(_warnings(path, len(spans), problem, twice)))


def _warnings(path: Path, count: int, problem: str, twice: list[str]) -> Iterator[str]:
    if problem:
        yield f"{path}: {problem} after {count} whole samples; download it again"
    if twice:
        yield (
            f"{path}: {len(twice)} members stand in it twice, such as {twice[0]}; the first of "
            "each is used, so that samples of the same name are lost; give them names of their own"
        )


def _members(archive: tarfile.TarFile) -> Iterator[tuple[str, int, tuple[int, int]]]:
    """Key, field and span of the members that belong to samples."""
    for member in archive:
        if member.size < 0:
            raise tarfile.ReadError("a member of negative size")
        folder, _, name = member.name.rpartition("/")
        stem, dot, extension = name.partition(".")
        field = _field(extension.lower())
        if member.isdir() or not stem or not dot or field is None:
            continue
        key = f"{folder}/{stem}" if folder else stem
        plain = member.isreg() and not member.issparse()
        yield key, field, (member.offset_data, member.size) if plain else (_NO_FILE, 0)


def _field(extension: str) -> int | None:
    if extension in _IMAGES:
        return 0
    return _FIELDS.index(extension) if extension in _FIELDS[1:] else None


def _is_end(path: Path, offset: int) -> bool:
    """Does the archive end there as tar files do, with blocks of zeros?"""
    with path.open("rb") as file:
        file.seek(offset)
        block = file.read(tarfile.BLOCKSIZE)
    return len(block) == tarfile.BLOCKSIZE and not any(block)


def _save(path: Path, index: TarIndex) -> None:
    try:
        with atomic_write(path) as file:
            np.savez(
                file,
                keys=np.frombuffer("\0".join(index.keys).encode("utf-8", "surrogateescape"), "u1"),
                spans=index.spans,
                warnings=np.asarray(index.warnings, dtype=np.str_),
            )
    except CheckpointError:
        return  # a full or read-only cache costs the next run one pass


def _load(path: Path, size: int) -> TarIndex | None:
    """None where there is none, or a damaged one."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            keys = arrays["keys"].tobytes().decode("utf-8", "surrogateescape").split("\0")
            found = TarIndex(tuple(keys), arrays["spans"], tuple(map(str, arrays["warnings"])))
    except Exception:  # numpy raises many kinds for a damaged file
        return None
    spans = found.spans
    fits = spans.dtype == np.int64 and spans.shape == (len(keys), len(_FIELDS), 2)
    return found if fits and int(spans.sum(axis=-1).max()) <= size else None
