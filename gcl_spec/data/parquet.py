"""Parquet files, of which only the row groups in use are in memory."""

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gcl_spec._typing import BoolArray, IntArray
from gcl_spec.config import ColumnsConfig
from gcl_spec.data.columns import Columns, find_columns
from gcl_spec.data.pairs import Sample, clean_captions
from gcl_spec.data.root import Root
from gcl_spec.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ParquetSource", "ParquetTable"]

_MEMORY = 256 * 2**20  # bytes of row groups kept, for each kind of column
_PICTURES = (
    "binary",
    "large_binary",
    "fixed_size_binary",
    "struct",
    "string",
    "large_string",
    "null",
)
_TEXTS = ("string", "large_string", "list<", "large_list<", "dictionary<", "null")
_LARGE = 64 * 2**20  # a row group of this size is a slow one to read a picture from


class ParquetTable:
    """The rows of parquet files of one schema, by number; row groups are read when needed."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Read the files' ends; `DataError` for a damaged file or another schema."""
        parquet = _pyarrow_parquet()
        self.paths = tuple(paths)
        self._files = []
        for path in paths:
            try:
                self._files.append(parquet.ParquetFile(path, memory_map=True))
            except Exception as error:  # OSError, ArrowInvalid and more
                raise DataError(f"{path}: not a readable parquet file: {error}") from error
        self.schema: pa.Schema = self._files[0].schema_arrow
        for path, file in zip(paths, self._files, strict=True):
            if not file.schema_arrow.equals(self.schema):
                raise DataError(f"{path} has other columns or types than {paths[0]}")
        self._groups = [
            (file, group)
            for file, opened in enumerate(self._files)
            for group in range(opened.metadata.num_row_groups)
        ]
        sizes = [self._files[f].metadata.row_group(g).num_rows for f, g in self._groups]
        self._ends = list(accumulate(sizes))
        self._firsts = [0, *self._ends]
        rows = [opened.metadata.num_rows for opened in self._files]
        self._file_firsts = [0, *accumulate(rows)]
        self._cache: OrderedDict[tuple[int, str], pa.ChunkedArray] = OrderedDict()
        # A byte a row: so that a group is not read again for rows of other processes.
        self._shown: dict[tuple[int, str], BoolArray] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def place(self, number: int) -> str:
        """ "file row N", from 0."""
        file, _ = self._groups[self._group(number)]
        return f"{self.paths[file]} row {number - self._file_firsts[file]}"

    def parts(self) -> Iterator[str]:
        """Name, size and rows of each file."""
        for path, file in zip(self.paths, self._files, strict=True):
            yield repr((path.name, path.stat().st_size, file.metadata.num_rows))

    def value(self, number: int, column: str) -> Any:
        """One cell as a Python object; `DataError` for a damaged file or text."""
        group = self._group(number)
        try:
            with self._lock:
                found = self._read(group, column)
            return found[number - self._firsts[group]].as_py()
        except Exception as error:  # ArrowInvalid, OSError, UnicodeDecodeError
            raise DataError(f"{self.place(number)}: cannot read {column!r}: {error}") from error

    def read_all(self, columns: list[str]) -> "pa.Table":
        """Whole columns in memory; `DataError` for a damaged file."""
        import pyarrow

        try:
            return pyarrow.concat_tables([file.read(columns=columns) for file in self._files])
        except Exception as error:  # ArrowInvalid, OSError
            raise DataError(f"{self.paths[0]}: cannot read {columns}: {error}") from error

    def shows(self, number: int, column: str) -> bool:
        """Is there a picture in the cell, or a path? Nothing of length 0 is one."""
        group = self._group(number)
        key = (group, column)
        try:
            with self._lock:
                if key not in self._shown:
                    self._shown[key] = _filled(self._read(group, column))
        except Exception as error:  # ArrowInvalid, OSError
            raise DataError(f"{self.place(number)}: cannot read {column!r}: {error}") from error
        return bool(self._shown[key][number - self._firsts[group]])

    def bytes_of(self, column: str) -> list[int]:
        """Sizes of the column's row groups in memory, about."""
        sizes = []
        for file, group in self._groups:
            metadata = self._files[file].metadata.row_group(group)
            chunks = (metadata.column(n) for n in range(metadata.num_columns))
            own = (c for c in chunks if c.path_in_schema.partition(".")[0] == column)
            sizes.append(sum(chunk.total_uncompressed_size for chunk in own))
        return sizes

    def _group(self, number: int) -> int:
        if not 0 <= number < len(self):
            raise IndexError(number)
        return bisect_right(self._ends, number)

    def _read(self, group: int, column: str) -> "pa.ChunkedArray":
        key = (group, column)
        if key not in self._cache:
            file, place = self._groups[group]
            table = self._files[file].read_row_group(place, columns=[column], use_threads=False)
            self._cache[key] = table.column(column)
            while len(self._cache) > 1 and self._used(column) > _MEMORY:
                del self._cache[next(k for k in self._cache if k[1] == column)]
        self._cache.move_to_end(key)
        return self._cache[key]

    def _used(self, column: str) -> int:
        """Bytes of a column's row groups in memory, 0 where only the newest is left."""
        sizes = [x.nbytes for (_, name), x in self._cache.items() if name == column]
        return sum(sizes) if len(sizes) > 1 else 0


class ParquetSource:
    """A `Source` of rows with a picture (content, {bytes, path} or path), captions, and a name."""

    def __init__(self, table: ParquetTable, columns: ColumnsConfig, images: Root) -> None:
        """`DataError` where there is neither a column of pictures nor one of captions."""
        self._table, self._images = table, images
        first = table.paths[0]
        names = table.schema.names
        self._columns: Columns = find_columns(str(first), names, columns)
        more = f" and {len(table.paths) - 1} more" if len(table.paths) > 1 else ""
        self.name = f"{first}{more}"
        if not len(table):
            raise DataError(f"{self.name} holds no row")
        for name, kinds in ((self._columns.image, _PICTURES), (self._columns.text, _TEXTS)):
            found = "" if name is None else str(table.schema.field(name).type)
            if found and not found.startswith(kinds):
                raise DataError(f"{first}: column {name!r} is {found}, not {kinds[0]} or the like")
        self.warnings = (*self._columns.warnings, *self._slow())
        self.notes = self._columns.notes

    def __len__(self) -> int:
        return len(self._table)

    def sample(self, number: int, /) -> Sample:
        """See `Source`."""
        place = self.place(number)
        captions: tuple[str, ...] = ()
        if self._columns.text is not None:
            captions = clean_captions(place, self._table.value(number, self._columns.text))
        image = str(number) if self._shows(number) else None
        if image is None and not captions:
            raise DataError(f"{place}: neither image nor caption")
        name, concept = self._cell(number, self._columns.id), self._concept(number)
        concept = concept or (captions[0] if captions else f"row {place}")
        return Sample(place if name is None else str(name), image, captions, concept)

    def place(self, number: int, /) -> str:
        """See `Source`."""
        return self._table.place(number)

    def label(self, number: int, /) -> str:
        """See `Source`."""
        try:
            name = self._cell(number, self._columns.id)
        except DataError:
            name = None
        return "" if name is None else str(name)

    def parts(self) -> Iterator[str]:
        """See `Source`."""
        return self._table.parts()

    def read_bytes(self, reference: str, /) -> bytes:
        """See `Source`; a reference is the row's number."""
        if not reference.isdecimal() or int(reference) >= len(self):
            raise DataError(f"{self.name}: no picture {reference!r}; a row's number is meant")
        number = int(reference)
        cell = self._cell(number, self._columns.image)
        if isinstance(cell, dict):
            cell = cell.get("bytes") or cell.get("path")
        if isinstance(cell, str) and cell:
            return self._images.read_bytes(cell)
        if not isinstance(cell, bytes) or not cell:
            raise DataError(f"{self.place(number)}: its picture is {type(cell).__name__}, no file")
        return cell

    def _shows(self, number: int) -> bool:
        column = self._columns.image
        return column is not None and self._table.shows(number, column)

    def _cell(self, number: int, column: str | None) -> Any:
        return None if column is None else self._table.value(number, column)

    def _concept(self, number: int) -> str:
        concept = self._cell(number, self._columns.concept)
        if concept is not None and not isinstance(concept, str):
            raise DataError(f"{self.place(number)}: 'concept' must be a text")
        return concept or ""

    def _slow(self) -> tuple[str, ...]:
        if self._columns.image is None:
            return ()
        sizes = self._table.bytes_of(self._columns.image)
        if max(sizes) <= _LARGE or sum(sizes) <= _MEMORY:
            return ()
        return (
            f"{self.name}: row groups of up to {max(sizes) / 2**20:.0f} MB; every picture costs "
            "the reading of its whole group; write the files again with row_group_size=256, or as "
            "tar shards",
        )


def _filled(column: "pa.ChunkedArray") -> BoolArray:
    """Where a column of bytes, paths, or {bytes, path} has something."""
    import pyarrow
    from pyarrow import compute

    kind = column.type
    if pyarrow.types.is_null(kind):
        return np.zeros(len(column), bool)
    if pyarrow.types.is_struct(kind):
        parts = [field.name for field in kind if field.name in ("bytes", "path")]
        filled = [_filled(compute.struct_field(column, name)) for name in parts]
        found: BoolArray = np.logical_or.reduce([np.zeros(len(column), bool), *filled])
        return found
    lengths: IntArray = np.asarray(compute.fill_null(compute.binary_length(column), 0))
    return lengths > 0


def _pyarrow_parquet() -> Any:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise DataError(
            "reading parquet files needs pyarrow: pip install 'gcl-spec[data]'"
        ) from error
    return pyarrow.parquet
