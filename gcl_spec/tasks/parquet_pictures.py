"""Pictures in cells of parquet files, by references such as "MSCOCO/queries.parquet#12"."""

from collections.abc import Sequence

from gcl_spec.data.formats.parquet import picture_file
from gcl_spec.data.formats.parquet_table import ParquetTable
from gcl_spec.data.root import Root
from gcl_spec.errors import DataError
from gcl_spec.tasks.parquet_rows import parquet_table

__all__ = ["ParquetPictures", "reference"]

_SIGN = ".parquet#"


def reference(path: str, row: int) -> str:
    """The reference of the picture in a row of a file.

    >>> reference("MSCOCO/queries.parquet", 12)
    'MSCOCO/queries.parquet#12'
    """
    return f"{path}#{row}"


class ParquetPictures:
    """Reads pictures by reference; other paths are those of files under the root.

    Args:
        root: the data.
        column: the column of the pictures: what `picture_file` takes.
    """

    def __init__(self, root: Root, column: str = "image") -> None:
        self.name = root.name
        self._root, self._column = root, column
        self._tables: dict[str, ParquetTable] = {}

    def exists(self, path: str, /) -> bool:
        """Is there a file of this path, or one that has this row?"""
        stem, sign, row = path.rpartition(_SIGN)
        return self._root.exists(f"{stem}.parquet" if sign and row.isdecimal() else path)

    def listing(self, path: str, /) -> Sequence[str] | None:
        """Names of files in a folder (`Root.listing`)."""
        return self._root.listing(path)

    def read_bytes(self, path: str, /) -> bytes:
        """The file of a picture.

        Raises:
            DataError: there is no such file or row, or no picture in it.
        """
        stem, sign, row = path.rpartition(_SIGN)
        if not sign or not row.isdecimal():
            return self._root.read_bytes(path)
        file = f"{stem}.parquet"
        if file not in self._tables:
            self._tables[file] = parquet_table(self._root, [file], [self._column])
        table = self._tables[file]
        if int(row) >= len(table):
            raise DataError(f"{self.name}: {file} has {len(table)} rows, and so no row {row}")
        place = table.place(int(row))
        if not table.shows(int(row), self._column):
            raise DataError(f"{place}: no picture in column {self._column!r}")
        return picture_file(place, table.value(int(row), self._column), self._root)
