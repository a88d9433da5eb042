"""The places of a tar shard's samples: one pass finds them, and a file on disk keeps them."""

import hashlib
import io
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gcl_spec._files.atomic import atomic_write, remove_stale
from gcl_spec._files.reading import parse_json
from gcl_spec._typing import IntArray
from gcl_spec.data.embedded import is_embedded
from gcl_spec.data.formats.tar_members import FIELDS, MISSING, NO_FILE, Scan, Span, contents, scan
from gcl_spec.data.names import CAPTIONS, Names
from gcl_spec.errors import DataError, FileError

__all__ = ["TarIndex", "json_names", "read_index", "read_indexes"]

_VERSION = 7
_LONGEST = 2**20  # the most bytes of a text whose keys are looked at
_KINDS = 100  # the most endings, and keys, whose counts are kept


@dataclass(frozen=True)
class TarIndex:
    """The S samples of a shard, in the order of their first members.

    spans: (S, 4, 2) int64, offset and size of picture, .txt, .json and video in the file; the
        offset is -1 where there is none, -2 where the member has holes, or is a link to anything
        but a member before it.
    warnings: texts on what should be mended.
    counts: the numbers of things that are not as documented, by kind and name.
    names: the counts of `json_names`.
    """

    keys: tuple[str, ...]
    spans: IntArray
    warnings: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    names: list[list[str | int]]

    def span(self, number: int, field: str) -> tuple[int, int] | None:
        """Offset and size of one of `FIELDS`; a `DataError` for what is no plain file."""
        offset, size = self.spans[number, FIELDS.index(field)]
        if offset == NO_FILE:
            raise DataError(
                f"{self.keys[number]}: its {field} is a link to no file before it in the shard, or "
                "has holes"
            )
        return None if offset == MISSING else (int(offset), int(size))


def json_names() -> Names:
    """The names that are known in the .json of a sample."""
    return Names((CAPTIONS,), ".json members")


def read_indexes(paths: Sequence[Path], cache: Path, *, videos: bool = False) -> list[TarIndex]:
    """The indexes of shards (`read_index`); it removes what killed processes left in `cache`."""
    remove_stale(cache, r"tar-[0-9a-f]{24}\.npz")
    return [read_index(path, cache, videos=videos) for path in paths]


def read_index(path: Path, cache: Path, *, videos: bool = False) -> TarIndex:
    """The index of a shard, from `cache` where the file has not changed since.

    Args:
        path: the shard.
        cache: the folder of indexes.
        videos: are videos read, which else are members of an unknown kind?

    Raises:
        DataError: it cannot be read, or is no tar file, such as a compressed one.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise DataError(f"{path}: cannot read the shard: {error.strerror}") from error
    key = f"{_VERSION}{' videos' * videos} {path.resolve()} {stat.st_size} {stat.st_mtime_ns}"
    kept = cache / f"tar-{hashlib.sha256(os.fsencode(key)).hexdigest()[:24]}.npz"
    index = _load(kept, stat.st_size)
    if index is None:
        index = _scan(path, videos)
        _save(kept, index)
    return index


def _scan(path: Path, videos: bool) -> TarIndex:
    findings = scan(path, videos=videos)
    if not findings.headers and findings.problem and path.stat().st_size:
        raise DataError(
            f"{path} holds no whole sample ({findings.problem}); wanted a tar file that is not "
            "compressed, of members key.jpg (png, webp), key.txt and key.json"
        )
    spans = list(findings.samples.values())
    counts, names = _look_inside(path, spans)
    counts |= {"left": findings.left, "read": findings.read, "pictures": findings.pictures}
    counts["shard"] = Counter(joined=findings.joined, archives=findings.archives - 1)
    shape = (len(spans), len(FIELDS), 2)
    return TarIndex(
        tuple(findings.samples),
        np.asarray(spans, np.int64).reshape(shape),
        tuple(_warnings(path, findings)),
        {kind: dict(counter.most_common(_KINDS)) for kind, counter in counts.items()},
        names.counts(_KINDS),
    )


def _look_inside(path: Path, spans: list[list[Span]]) -> tuple[dict[str, Counter[str]], Names]:
    """The counts over samples and their texts, and the names in those .json that are read."""
    names, counts = json_names(), Counter[str]()
    has = [[span[0] != MISSING for span in sample] for sample in spans]
    counts["both"] = sum((image or video) and (txt or js) for image, txt, js, video in has)
    counts["image only"] = sum(not (txt or js) for _, txt, js, _ in has)
    counts["text only"] = sum(not (image or video) for image, _, _, video in has)
    counts["json beside txt"] = sum(txt and js for _, txt, js, _ in has)
    texts = (txt for _, txt, *_ in spans)
    counts["lines"] = sum(
        b"\n" in data.strip().replace(b"\r", b"\n") for data in contents(path, texts, _LONGEST)
    )
    alone = [(image, js) for image, txt, js, _ in spans if txt[0] == MISSING and js[0] >= 0]
    alone = [(image, js) for image, js in alone if js[1] <= _LONGEST]
    texts = (js for _, js in alone)
    for (image, _), data in zip(alone, contents(path, texts, _LONGEST), strict=True):
        try:
            record = parse_json(data)
        except ValueError:
            continue  # this is a malformed sample
        if isinstance(record, dict):
            names.take(record)
            if image[0] == MISSING:
                counts["base64"] += any(map(is_embedded, record.values()))
    return {"samples": counts}, names


def _warnings(path: Path, findings: Scan) -> Iterator[str]:
    count = len(findings.samples)
    if findings.problem:
        yield f"{path}: {findings.problem} after {count} whole samples; download it again"
    if findings.rest:
        yield (
            f"{path}: {findings.rest:,} bytes after the archive's end are no tar archive, and are "
            "not read; is the file damaged, or joined with something else?"
        )
    if findings.twice:
        yield (
            f"{path}: {len(findings.twice)} members stand in it twice, such as "
            f"{findings.twice[0]}; the first of each is used, so that samples of the same name are "
            "lost; give them names of their own"
        )


def _save(path: Path, index: TarIndex) -> None:
    try:
        with atomic_write(path) as file:
            np.savez(
                file,
                keys=np.frombuffer("\0".join(index.keys).encode("utf-8", "surrogateescape"), "u1"),
                spans=index.spans,
                warnings=np.asarray(index.warnings, dtype=np.str_),
                counts=np.asarray(json.dumps([index.counts, index.names])),
            )
    except FileError:
        return  # a full or read-only cache costs the next run no more than a pass


def _load(path: Path, size: int) -> TarIndex | None:
    """The index in a file; None where there is none, or a damaged one."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            keys = tuple(arrays["keys"].tobytes().decode("utf-8", "surrogateescape").split("\0"))
            spans = arrays["spans"]
            counts, names = json.loads(str(arrays["counts"]))
            warnings = tuple(map(str, arrays["warnings"]))
            index = TarIndex(keys if len(spans) else (), spans, warnings, counts, names)
    except Exception:  # numpy raises many kinds for a damaged file
        return None
    fits = spans.dtype == np.int64 and spans.shape == (len(index.keys), len(FIELDS), 2)
    return index if fits and int(spans.sum(axis=-1).max(initial=0)) <= size else None
