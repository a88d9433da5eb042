"""Reads tar shards in the layout of webdataset and img2dataset, at random and without unpacking."""

import os
import threading
from bisect import bisect_right
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

from gcl_spec._files.reading import MOST_BYTES, megabytes, open_regular, parse_json
from gcl_spec.data.formats.tar_index import TarIndex, json_names, read_indexes
from gcl_spec.data.names import Names, listed, shown
from gcl_spec.data.sample import FILES, Sample, clean_captions
from gcl_spec.errors import DataError

__all__ = ["TarSource"]

_VIDEO = "video:"
_LONGEST_TEXT = 64 * 2**20
_OPEN = 64  # shards that are open at a time; the usual limit of a process is 1024 files


class TarSource:
    """A `Source` of members key.jpg (png, webp, ...), key.txt, and key.json with "caption".

    A key may hold dots (`gcl_spec.data.formats.tar_members` has the rule). A text may also be
    key.caption or key.cap, and a picture key.img. For a model of videos, key.mp4 (webm, ...) is a
    video. Only plain members of the shards themselves are read, so that no name in a shard can lead
    anywhere else.
    """

    def __init__(
        self, paths: Sequence[Path], cache: Path, given: Sequence[str] = ("image", "text")
    ) -> None:
        """Find the members, in one pass over new shards; a `DataError` for an unusable shard."""
        self.name = str(paths[0]) if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
        self._paths = tuple(paths)
        self._shards = read_indexes(paths, cache, videos="video" in given)
        self._ends = list(accumulate(len(shard.keys) for shard in self._shards))
        if not self._ends[-1]:
            why = self._shards[0].warnings[0] if self._shards[0].warnings else "it is empty"
            raise DataError(
                f"{self.name} holds no whole sample ({why}); members are key.jpg (png, webp), "
                f"key.txt and key.json; not read: {_ends(self._shards, 'left') or 'none'}"
            )
        self._names = json_names()
        for shard in self._shards:
            self._names.add(shard.names)
        warnings = [text for shard in self._shards for text in shard.warnings]
        if count := _totals(self._shards, "samples")["base64"]:
            warnings.append(
                f"{self.name}: {count:,} .json members hold a picture as base64, and none stands "
                "beside them: it is not read; write it as key.jpg, or the members as train.jsonl"
            )
        self.warnings = (*warnings, *self._names.warnings(self.name))
        self.notes = tuple(_notes(self.name, self._paths, self._shards, self._names))
        self._lock = threading.Lock()
        self._files: OrderedDict[int, _File] = OrderedDict()

    def __len__(self) -> int:
        return self._ends[-1]

    def sample(self, number: int, /) -> Sample:
        """Sample `number`, whose captions are key.txt's and then key.json's (`Source.sample`).

        Raises:
            DataError: the sample is malformed.
        """
        shard, row = self._find(number)
        place = self.place(number)
        index = self._shards[shard]
        image = str(number) if self._span(shard, row, "image") is not None else None
        video = f"{_VIDEO}{number}" if self._span(shard, row, "video") is not None else None
        captions = self._captions(shard, row, place)
        if image is None and video is None and not captions:
            raise DataError(f"{place}: neither image nor caption")
        concept = captions[0] if captions else f"row {place}"
        return Sample.of_pair(index.keys[row], image, captions, concept, video)

    def place(self, number: int, /) -> str:
        """The place of sample `number`, for messages (`Source.place`)."""
        shard, row = self._find(number)
        return f"{self._paths[shard]}: {self._shards[shard].keys[row]}"

    def label(self, number: int, /) -> str:
        """The id of sample `number`, also of a malformed one (`Source.label`)."""
        shard, row = self._find(number)
        return self._shards[shard].keys[row]

    def parts(self) -> Iterator[str]:
        """Texts that change where the samples do (`Source.parts`)."""
        for path, index in zip(self._paths, self._shards, strict=True):
            yield repr((path.name, path.stat().st_size, len(index.keys)))

    def read_bytes(self, reference: str, /) -> bytes:
        """The file of a picture (`Source.read_bytes`); its reference is the sample's number.

        That of a video is "video:" and the number.

        Raises:
            DataError: there is no such sample, or no picture in it.
        """
        sample = reference.removeprefix(_VIDEO)
        field = "image" if sample == reference else "video"
        if not sample.isdecimal() or int(sample) >= len(self):
            raise DataError(f"{self.name}: no picture {reference!r}; a sample's number is meant")
        shard, row = self._find(int(sample))
        data = self._read(shard, row, field)
        if data is None:
            what = "picture" if field == "image" else field
            raise DataError(f"{self.place(int(sample))}: no {what}")
        return data

    def _captions(self, shard: int, row: int, place: str) -> tuple[str, ...]:
        text = self._read(shard, row, "txt")
        if text is not None:
            try:
                captions = clean_captions(place, text.decode("utf-8-sig"))
            except UnicodeDecodeError as error:
                raise DataError(f"{place}: its txt is not UTF-8: {error}") from error
            if captions:
                return captions
        data = self._read(shard, row, "json")
        if data is None:
            return ()
        try:
            record = parse_json(data)
        except ValueError as error:
            raise DataError(f"{place}: its json cannot be read: {error}") from error
        if isinstance(record, dict):
            record = self._names.take(record).get("captions")
        return clean_captions(place, record)

    def _read(self, shard: int, row: int, field: str) -> bytes | None:
        span = self._span(shard, row, field)
        if span is None:
            return None
        offset, size = span
        most = MOST_BYTES if field in FILES else _LONGEST_TEXT
        if size > most:
            raise DataError(
                f"{self._paths[shard]}: {self._shards[shard].keys[row]}: its {field} has "
                f"{megabytes(size)}; at most {megabytes(most)} fit"
            )
        try:
            file = self._file(shard)  # while this name holds the file, no other thread closes it
            data = os.pread(file.number, size, offset)
        except OSError as error:
            raise DataError(f"{self._paths[shard]}: {error.strerror}") from error
        if len(data) != size:
            raise DataError(f"{self._paths[shard]} has become shorter since it was indexed")
        return data

    def _span(self, shard: int, row: int, field: str) -> tuple[int, int] | None:
        try:
            return self._shards[shard].span(row, field)
        except DataError as error:
            raise DataError(f"{self._paths[shard]}: {error}") from error

    def _find(self, number: int) -> tuple[int, int]:
        if not 0 <= number < len(self):
            raise IndexError(number)
        shard = bisect_right(self._ends, number)
        return shard, number - (self._ends[shard - 1] if shard else 0)

    def _file(self, shard: int) -> "_File":
        """The open shard; one that falls out is closed when its last reader has let it go."""
        with self._lock:
            if shard not in self._files:
                self._files[shard] = _File(self._paths[shard])
                if len(self._files) > _OPEN:
                    self._files.popitem(last=False)
            self._files.move_to_end(shard)
            return self._files[shard]


class _File:
    def __init__(self, path: Path) -> None:
        self._file = open_regular(path)
        self.number = self._file.fileno()

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()


def _notes(
    name: str, paths: Sequence[Path], shards: Sequence[TarIndex], names: Names
) -> Iterator[str]:
    """Texts on what is read for something else, or left out, in all shards together."""
    empty = [str(path) for path, shard in zip(paths, shards, strict=True) if not shard.keys]
    if empty:
        yield f"shards without a sample: {len(empty):,}, such as {listed(empty, 3)}"
    totals = _totals(shards, "samples") + _totals(shards, "shard")
    if totals["archives"]:
        yield f"{name}: {totals['archives']:,} more archives stand behind others, and are read, too"
    if totals["joined"]:
        yield (
            f"{name}: {totals['joined']:,} samples are put together by the first dot of names such "
            "as key.image.jpg and key.caption.txt"
        )
    for kind, what in (("read", "as .txt"), ("pictures", "as pictures, which they are")):
        if _ends(shards, kind):
            yield f"{name}: read {what}: {_ends(shards, kind)}"
    if _ends(shards, "left"):
        yield f"{name}: members that are not read, by their names' end: {_ends(shards, 'left')}"
    if totals["json beside txt"]:
        count = totals["json beside txt"]
        yield f"{name}: {count:,} .json members are not read: a .txt stands beside them"
    every = sum(totals[kind] for kind in ("both", "image only", "text only"))
    for kind, what in (("image only", "a picture and no text"), ("text only", "no picture")):
        if 0 < totals[kind] < every:
            yield f"{name}: {totals[kind]:,} samples have {what} of their name"
    if totals["lines"]:
        yield (
            f"{name}: {totals['lines']:,} .txt members have several lines, and each is read as one "
            'caption; several captions are a list, in a .json with "captions"'
        )
    yield from names.notes(name)


def _totals(shards: Sequence[TarIndex], kind: str) -> Counter[str]:
    totals: Counter[str] = Counter()
    for shard in shards:
        totals.update(shard.counts.get(kind, {}))
    return totals


def _ends(shards: Sequence[TarIndex], kind: str) -> str:
    counts = _totals(shards, kind).most_common()
    return listed(f"{shown(end)} ({count:,})" for end, count in counts)
