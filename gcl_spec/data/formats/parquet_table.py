"""Gives the rows of parquet files by number, and keeps only the row groups in use in memory."""

import errno
import os
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gcl_spec._files.reading import megabytes, reason, regular
from gcl_spec._typing import BoolArray
from gcl_spec._words import LFS_POINTER, is_lfs_pointer
from gcl_spec.data.formats.arrow_types import common_type, converted, filled, plain_type
from gcl_spec.data.formats.parquet_pages import check_rows, check_single, pages_of
from gcl_spec.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["MEMORY", "ParquetTable"]

MEMORY = 256 * 2**20
"""The bytes of row groups that are kept, for each kind of column."""
_OPEN = 64  # files that are open at a time; the usual limit of a process is 1024


class ParquetTable:
    """The rows of parquet files by number; files are opened and row groups read when needed.

    The files may differ in the order of columns, in columns that are not used, and in types of one
    content, such as int32 and int64, or text and a dictionary of it (`check`).
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        """Read the files' ends; a `DataError` for a damaged file."""
        self.paths = tuple(paths)
        self._files = _Files(self.paths)
        self._metadata, self._schemas = [], []
        for file in range(len(paths)):
            opened = self._files.open(file)
            self._metadata.append(opened.metadata)
            self._schemas.append(opened.schema_arrow)
        self._kinds = self._common_types()
        # These are the first file's own names, which may hold one twice.
        names = list(self._schemas[0].names)
        self.names = (*names, *(name for name in self._kinds if name not in names))
        self._groups = [
            (file, group)
            for file, metadata in enumerate(self._metadata)
            for group in range(metadata.num_row_groups)
        ]
        sizes = [self._metadata[f].row_group(g).num_rows for f, g in self._groups]
        self._ends = list(accumulate(sizes))
        self._firsts = [0, *self._ends]
        self._file_firsts = [0, *accumulate(metadata.num_rows for metadata in self._metadata)]
        self._cache: OrderedDict[tuple[int, str], pa.ChunkedArray] = OrderedDict()
        # A byte for each row, so that a group is not read again for rows of other processes.
        self._shown: dict[tuple[int, str], BoolArray] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def type_of(self, column: str) -> str:
        """The name of a column's type."""
        return str(self._kinds[column])

    def check(self, column: str, *, optional: bool = False) -> None:
        """Raise a `DataError` where a file lacks the column, has it twice, or with other content.

        Rows of a file that lacks an optional column have null there.
        """
        first = self._kinds[column]
        for path, schema in zip(self.paths, self._schemas, strict=True):
            count = schema.names.count(column)
            if count > 1:
                raise DataError(f"{path}: {count} columns are named {column!r}; rename all but one")
            if not count and optional:
                continue
            if not count:
                has = (x for x, other in zip(self.paths, self._schemas, strict=True)
                       if column in other.names)  # fmt: skip
                raise DataError(
                    f"{path} has no column {column!r}, which {next(has)} has; there are "
                    f"{', '.join(schema.names)}; name the files that have it with data.path"
                )
            kind = plain_type(schema.field(column).type)
            if common_type(first, kind) is None:
                raise DataError(
                    f"{path}: column {column!r} is {kind}, and {first} in {self.paths[0]}; "
                    "write the files again with one type"
                )

    def place(self, number: int) -> str:
        """The place of a row, "FILE row N", from 0."""
        file, _ = self._groups[self._group(number)]
        return f"{self.paths[file]} row {number - self._file_firsts[file]}"

    def parts(self) -> Iterator[str]:
        """Name, size and number of rows of each file."""
        for path, metadata in zip(self.paths, self._metadata, strict=True):
            yield repr((path.name, path.stat().st_size, metadata.num_rows))

    def value(self, number: int, column: str) -> Any:
        """One cell as a Python object; a `DataError` for a damaged file or text."""
        group = self._group(number)
        try:
            with self._lock:
                cells = self._read(group, column)
            return cells[number - self._firsts[group]].as_py()
        except Exception as error:  # ArrowInvalid, OSError, UnicodeDecodeError
            raise self._unreadable(number, column, error) from error

    def read_all(self, columns: list[str]) -> "pa.Table":
        """Whole columns in memory; a `DataError` for a damaged file."""
        import pyarrow

        parts: dict[str, list[pa.Array]] = {name: [] for name in columns}
        for file, path in enumerate(self.paths):
            try:
                for name in columns:
                    for group in range(self._metadata[file].num_row_groups):
                        with self._lock:
                            cells = self._group_of(file, group, name, self._kinds[name])
                        parts[name] += cells.chunks
            except Exception as error:  # ArrowInvalid, OSError
                raise DataError(f"{path}: cannot read {columns}: {reason(error)}") from error
        kinds = [self._kinds[name] for name in columns]
        whole = [pyarrow.chunked_array(parts[n], k) for n, k in zip(columns, kinds, strict=True)]
        return pyarrow.table(whole, names=columns)

    def shows(self, number: int, column: str) -> bool:
        """Is there a picture in the cell, or a path? An empty text or content is neither."""
        group = self._group(number)
        key = (group, column)
        try:
            with self._lock:
                if key not in self._shown:
                    self._shown[key] = filled(self._read(group, column))
        except Exception as error:  # ArrowInvalid, OSError
            raise self._unreadable(number, column, error) from error
        return bool(self._shown[key][number - self._firsts[group]])

    def bytes_of(self, column: str) -> list[int]:
        """The sizes, about, of the column's row groups in memory."""
        sizes = []
        for file, group in self._groups:
            chunks = self._chunks(file, group, column)
            sizes.append(sum(chunk.total_uncompressed_size for chunk in chunks))
        return sizes

    def _rows(self, file: int, group: int) -> int:
        return int(self._metadata[file].row_group(group).num_rows)

    def _chunks(self, file: int, group: int, column: str) -> list[Any]:
        metadata = self._metadata[file].row_group(group)
        chunks = (metadata.column(n) for n in range(metadata.num_columns))
        return [c for c in chunks if c.path_in_schema.partition(".")[0] == column]

    def _group_of(self, file: int, group: int, column: str, kind: Any) -> "pa.ChunkedArray":
        """A column of a row group; an `OSError` where it is far larger in memory than on disk."""
        import pyarrow

        if column not in self._schemas[file].names:
            return pyarrow.chunked_array([pyarrow.nulls(self._rows(file, group), kind)])
        pages = pages_of(self.paths[file], self._chunks(file, group, column))
        opened = self._files.open(file)
        if not pages.expands or self._rows(file, group) * pages.longest <= MEMORY:
            table = opened.read_row_group(group, columns=[column], use_threads=False)
            return converted(table.column(column), kind)
        parts: list[pa.Array] = []
        size = 0
        count = max(1, MEMORY // max(1, pages.longest))
        for batch in opened.iter_batches(count, [group], columns=[column], use_threads=False):
            cells = converted(pyarrow.chunked_array([batch.column(0)]), kind)
            parts += cells.chunks
            size += cells.nbytes
            if size > pages.most:
                raise OSError(errno.EFBIG, f"it unpacks to more than {megabytes(pages.most)}")
        return pyarrow.chunked_array(parts, kind)

    def _unreadable(self, number: int, column: str, error: Exception) -> DataError:
        return DataError(f"{self.place(number)}: cannot read {column!r}: {reason(error)}")

    def _common_types(self) -> dict[str, Any]:
        """A type for each column that fits all files; where none does, `check` says so."""
        kinds: dict[str, Any] = {}
        for schema in self._schemas:
            for field in schema:
                kind = plain_type(field.type)
                first = kinds.setdefault(field.name, kind)
                kinds[field.name] = common_type(first, kind) or first
        return kinds

    def _group(self, number: int) -> int:
        if not 0 <= number < len(self):
            raise IndexError(number)
        return bisect_right(self._ends, number)

    def _read(self, group: int, column: str) -> "pa.ChunkedArray":
        key = (group, column)
        if key not in self._cache:
            file, place = self._groups[group]
            self._cache[key] = self._group_of(file, place, column, self._kind_in(file, column))
            while len(self._cache) > 1 and self._used(column) > MEMORY:
                del self._cache[next(k for k in self._cache if k[1] == column)]
        self._cache.move_to_end(key)
        return self._cache[key]

    def _kind_in(self, file: int, column: str) -> Any:
        schema = self._schemas[file]
        known = column in schema.names
        return plain_type(schema.field(column).type) if known else self._kinds[column]

    def _used(self, column: str) -> int:
        """The bytes of a column's row groups in memory, 0 where only the newest is left."""
        sizes = [x.nbytes for (_, name), x in self._cache.items() if name == column]
        return sum(sizes) if len(sizes) > 1 else 0


class _Files:
    """Parquet files of which some are open at a time."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._opened: OrderedDict[int, Any] = OrderedDict()
        self._known: dict[int, tuple[tuple[int, int], Any]] = {}  # (size, time), metadata

    def open(self, number: int) -> Any:
        """File `number`; a `DataError` where it is damaged, or has changed since it was first open.

        The caller holds a lock if several threads call.
        """
        if number not in self._opened:
            self._opened[number] = self._open(number)
            while len(self._opened) > _OPEN:
                self._opened.popitem(last=False)
        self._opened.move_to_end(number)
        return self._opened[number]

    def _open(self, number: int) -> Any:
        path = self._paths[number]
        parquet = _pyarrow_parquet()
        import pyarrow

        try:
            status = regular(path).stat()
            stamp = (status.st_size, status.st_mtime_ns)
            known, metadata = self._known.get(number, (stamp, None))
            if known != stamp:
                raise DataError(f"{path} has changed since it was opened; start again")
            # The name is given as bytes, because it need not be UTF-8.
            source = pyarrow.memory_map(os.fsencode(path))
            file = parquet.ParquetFile(source, metadata=metadata)
            check_rows(file.metadata.num_rows, status.st_size)
            if metadata is None:
                check_single(path, file.metadata, status.st_size)
        except DataError:
            raise
        except Exception as error:  # OSError, ArrowInvalid and more
            raise DataError(f"{path}: {_why(path, error)}") from error
        self._known[number] = (stamp, file.metadata)
        return file


def _why(path: Path, error: Exception) -> str:
    try:
        with path.open("rb") as file:
            if is_lfs_pointer(file.read(64)):
                return LFS_POINTER
    except OSError as unreadable:
        return f"cannot read it: {unreadable.strerror}"
    return f"not a readable parquet file: {reason(error)}"


def _pyarrow_parquet() -> Any:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise DataError(
            "reading parquet files needs pyarrow: pip install 'gcl-spec[data]'"
        ) from error
    return pyarrow.parquet
