"""Finds how much a column of a parquet file unpacks to, from the headers of its pages alone.

The sizes at a file's end may lie, but a page never unpacks to more than its own header says. The
layout is parquet.thrift (https://github.com/apache/parquet-format), in Thrift's compact protocol.
"""

import errno
import mmap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gcl_spec._files.packed import most_unpacked
from gcl_spec._files.reading import megabytes, open_regular

__all__ = ["Pages", "check_rows", "check_single", "pages_of"]

_SMALL = 256 * 2**20
_FEW_ROWS = 10_000_000
_ROWS_A_BYTE = 100
_DEEPEST = 16
_VALUE = 8  # the bytes of a number, or of the places where a text begins and ends
# By these encodings, dictionaries and prefixes, a value may be longer than its share of the page.
_EXPANDING = (2, 7, 8)
_DATA, _DICTIONARY, _DATA_2 = 5, 7, 8  # the numbers of fields in a page's header
_MAGIC = b"PAR1"  # every parquet file begins and ends with these bytes
_INDEX = 256 * 2**20  # the most bytes that are searched for a second file


@dataclass(frozen=True, slots=True)
class Pages:
    """The sizes that the pages of a column in a row group may unpack to.

    most: the bytes that may be made of them.
    longest: the bytes of the longest value.
    expands: may all values together be longer than the pages?
    """

    most: int
    longest: int
    expands: bool


def check_rows(rows: int, size: int) -> None:
    """Raise a `ValueError` where a file of `size` bytes claims more rows than any such file has."""
    if not 0 <= rows <= max(_FEW_ROWS, _ROWS_A_BYTE * size):
        raise ValueError(f"it claims {rows:,} rows in {size:,} bytes")


def pages_of(path: Path, chunks: Iterable[Any]) -> Pages:
    """Look through the pages of column chunks.

    Args:
        path: the file.
        chunks: `pyarrow.parquet.ColumnChunkMetaData` of one row group.

    Raises:
        OSError: they unpack to far more than they have bytes in the file.
        ValueError: they are damaged.
    """
    packed = unpacked = longest = values = 0
    expands = False
    with (
        open_regular(path) as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        for chunk in chunks:
            starts = (chunk.data_page_offset, chunk.dictionary_page_offset)
            at = min(x for x in starts if x)
            end = min(at + chunk.total_compressed_size, len(data))
            packed += end - at
            while at < end:
                page = _Header(data, at)
                at = page.end
                unpacked += page.unpacked
                values += page.values
                longest = max(longest, page.unpacked)
                expands |= page.encoding in _EXPANDING
    most = most_unpacked(packed, small=_SMALL)
    if max(unpacked, _VALUE * values) > most:
        raise OSError(
            errno.EFBIG,
            f"it unpacks from {megabytes(packed)} to {megabytes(max(unpacked, _VALUE * values))}, "
            "which no pictures or texts do; if you trust it, write it again without compression",
        )
    return Pages(most, longest, expands)


class _Header:
    """The header of a page at a byte of the file; a `ValueError` where there is none."""

    def __init__(self, data: mmap.mmap, at: int) -> None:
        self._data, self._at = data, at
        try:
            fields = self._struct(0)
            kind = next(fields[n] for n in (_DATA, _DICTIONARY, _DATA_2) if n in fields)
            self.unpacked, packed = int(fields[2]), int(fields[3])
            self.values, self.encoding = int(kind[1]), int(kind[4 if _DATA_2 in fields else 2])
        except (LookupError, TypeError, StopIteration) as error:
            raise ValueError("the header of a page is damaged") from error
        self.end = self._at + packed
        if min(self.unpacked, packed, self.values) < 0:
            raise ValueError("the header of a page is damaged")

    def _byte(self) -> int:
        byte = self._data[self._at]
        self._at += 1
        return byte

    def _varint(self) -> int:
        number = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            number |= (byte & 127) << shift
            if byte < 128:
                return number
        raise ValueError("the header of a page is damaged")

    def _integer(self) -> int:
        number = self._varint()
        return (number >> 1) ^ -(number & 1)

    def _struct(self, depth: int) -> dict[int, Any]:
        if depth > _DEEPEST:
            raise ValueError("the header of a page is damaged")
        fields: dict[int, Any] = {}
        number = 0
        while first := self._byte():
            step, kind = first >> 4, first & 15
            number = number + step if step else self._integer()
            fields[number] = kind == 1 if kind in (1, 2) else self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        match kind:
            case 1 | 2 | 3:  # a boolean in a list, or a byte
                return self._byte()
            case 4 | 5 | 6:
                return self._integer()
            case 7 | 8:  # a double, or a text, such as the least value
                length = 8 if kind == 7 else self._varint()
                self._at += length
                return None
            case 9 | 10:
                head = self._byte()
                count = head >> 4 if head >> 4 < 15 else self._varint()
                for _ in range(count):
                    self._value(head & 15, depth + 1)
                return None
            case 12:
                return self._struct(depth + 1)
        raise ValueError("the header of a page is damaged")


def check_single(path: Path, metadata: Any, size: int) -> None:
    """Refuse a file that has another one before it, as `cat` joins them.

    The end of a file counts bytes from its own beginning, so that pages of the other one would be
    read.

    Args:
        path: the file.
        metadata: the metadata that pyarrow reads at its end.
        size: its bytes.

    Raises:
        OSError: another file stands before this one.
    """
    ends = [0]
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for chunk in map(group.column, range(group.num_columns)):
            offsets = (chunk.dictionary_page_offset, chunk.data_page_offset)
            first = min(offset for offset in offsets if offset is not None)
            ends.append(first + chunk.total_compressed_size)
    with path.open("rb") as file:
        file.seek(max(ends))
        # Only an index of pages may stand here.
        between = file.read(min(_INDEX, max(0, size - max(ends) - metadata.serialized_size)))
    if _MAGIC + _MAGIC in between:
        raise OSError(
            errno.EINVAL,
            "two parquet files stand in it, one behind the other, and only the last would be read; "
            "split them",
        )
