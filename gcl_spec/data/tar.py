"""Tar shards in the layout of webdataset and img2dataset, read at random without unpacking."""

import json
import os
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

from gcl_spec.data.pairs import Sample, clean_captions
from gcl_spec.data.tar_index import read_indexes
from gcl_spec.errors import DataError

__all__ = ["TarSource"]

_OPEN = 64  # shards that are open at a time; the usual limit of a process is 1024 files


class TarSource:
    """A `Source` of members key.jpg (png, webp, ...), key.txt, and key.json with "caption".

    Only plain members of the shards themselves are read: no
    name in a shard can lead anywhere else.
    """

    def __init__(self, paths: Sequence[Path], cache: Path) -> None:
        """Find the members, in one pass over new shards; `DataError` for an unusable shard."""
        self.name = str(paths[0]) if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
        self._paths = tuple(paths)
        self._shards = read_indexes(paths, cache)
        self._ends = list(accumulate(len(shard.keys) for shard in self._shards))
        self.warnings = tuple(text for shard in self._shards for text in shard.warnings)
        self.notes: tuple[str, ...] = ()
        self._lock = threading.Lock()
        self._files: OrderedDict[int, _File] = OrderedDict()

    def __len__(self) -> int:
        return self._ends[-1]

    def sample(self, number: int, /) -> Sample:
        """See `Source`; the caption of key.txt comes before that of key.json."""
        shard, row = self._find(number)
        place = self.place(number)
        index = self._shards[shard]
        has_image = self._span(shard, row, "image") is not None
        captions = self._captions(shard, row, place)
        if not has_image and not captions:
            raise DataError(f"{place}: neither image nor caption")
        concept = captions[0] if captions else f"row {place}"
        return Sample(index.keys[row], str(number) if has_image else None, captions, concept)

    def place(self, number: int, /) -> str:
        """See `Source`."""
        shard, row = self._find(number)
        return f"{self._paths[shard]}: {self._shards[shard].keys[row]}"

    def label(self, number: int, /) -> str:
        """See `Source`."""
        shard, row = self._find(number)
        return self._shards[shard].keys[row]

    def parts(self) -> Iterator[str]:
        """See `Source`."""
        for path, index in zip(self._paths, self._shards, strict=True):
            yield repr((path.name, path.stat().st_size, len(index.keys)))

    def read_bytes(self, reference: str, /) -> bytes:
        """See `Source`; a reference is the sample's number."""
        if not reference.isdecimal() or int(reference) >= len(self):
            raise DataError(f"{self.name}: no picture {reference!r}; a sample's number is meant")
        shard, row = self._find(int(reference))
        data = self._read(shard, row, "image")
        if data is None:
            raise DataError(f"{self.place(int(reference))}: no picture")
        return data

    def _captions(self, shard: int, row: int, place: str) -> tuple[str, ...]:
        text = self._read(shard, row, "txt")
        if text is not None:
            try:
                return clean_captions(place, text.decode("utf-8-sig"))
            except UnicodeDecodeError as error:
                raise DataError(f"{place}: its txt is not UTF-8: {error}") from error
        data = self._read(shard, row, "json")
        if data is None:
            return ()
        try:
            record = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{place}: its json cannot be read: {error}") from error
        return clean_captions(place, record.get("caption") if isinstance(record, dict) else None)

    def _read(self, shard: int, row: int, field: str) -> bytes | None:
        span = self._span(shard, row, field)
        if span is None:
            return None
        offset, size = span
        try:
            file = self._file(shard)  # held by a name: another thread may close it otherwise
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
        self.number = os.open(path, os.O_RDONLY)

    def __del__(self) -> None:
        if hasattr(self, "number"):
            os.close(self.number)
