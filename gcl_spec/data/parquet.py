"""Samples in parquet files, with their pictures inside or beside them."""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from gcl_spec.data.pairs import Sample
from gcl_spec.data.root import FolderRoot
from gcl_spec.errors import DataError

__all__ = ["ParquetRoot", "read_parquet"]

_IMAGES = ("image", "jpg", "image_path", "img")
_CAPTIONS = ("caption", "captions", "text", "TEXT", "sentence")
_GROUPS = 4  # row groups that are kept in memory


def read_parquet(
    files: Sequence[Path], image_column: str = "", caption_column: str = ""
) -> tuple["ParquetRoot", tuple[Sample, ...]]:
    """Samples of all rows, and the root that reads their pictures.

    image_column: file contents, Hugging Face's {"bytes", "path"}, or paths under the folder of the
        files; the first of image, jpg, image_path, img when not given.
    caption_column: a text or a list of texts; the first of caption, captions, text, TEXT, sentence
        when not given.

    A row may lack one of the two. A picture costs reading its row group: write small ones (about
    100 rows) where pictures are inside.

    Raises:
        DataError: unreadable files, or no such column.
    """
    root = ParquetRoot(files, image_column)
    samples: list[Sample] = []
    for number, file in enumerate(files):
        samples += _samples(root, number, file, caption_column)
    if not samples:
        raise DataError(f"{root.name} holds no sample")
    return root, tuple(samples)


def _samples(root: "ParquetRoot", number: int, file: Path, caption_column: str) -> list[Sample]:
    names = root.table(number).schema_arrow.names
    text = _column(names, caption_column, _CAPTIONS)
    image = root.image_column(number)
    if text is None and image is None:
        raise DataError(
            f"{file}: no column of pictures or captions among {', '.join(names)}; name them with "
            "data.image_column and data.caption_column"
        )
    rows = root.table(number).metadata.num_rows
    captions = root.read(number, text) if text is not None else [None] * rows
    has_image = root.presence(number) if image is not None else [False] * rows
    samples = []
    for row, (said, there) in enumerate(zip(captions, has_image, strict=True)):
        texts = tuple(x for x in ([said] if isinstance(said, str) else said or ()) if x)
        name = f"{file.name}#{row}"
        if not there and not texts:
            raise DataError(f"{file}: row {row}: neither image nor captions")
        place = f"{number}#{row}" if there else None
        samples.append(Sample(name, place, texts, texts[0] if texts else name))
    return samples


class ParquetRoot:
    """A `gcl_spec.data.root.Root` whose paths are "file#row" numbers."""

    def __init__(self, files: Sequence[Path], image_column: str = "") -> None:
        try:
            import pyarrow.parquet as pq
        except ImportError as error:
            raise DataError("parquet files need pyarrow: pip install pyarrow") from error
        self.name = f"{files[0]}" if len(files) == 1 else f"{files[0].parent} ({len(files)} files)"
        self._files, self._wanted = list(files), image_column
        self._beside = FolderRoot(files[0].parent)
        self._tables = []
        for file in files:
            try:
                self._tables.append(pq.ParquetFile(file))
            except (OSError, ValueError) as error:  # pyarrow's own errors are ValueErrors
                raise DataError(f"{file}: not a readable parquet file: {error}") from error
        self._groups: OrderedDict[tuple[int, int], list[Any]] = OrderedDict()
        self._lock = Lock()

    def table(self, number: int) -> Any:
        """The open file."""
        return self._tables[number]

    def image_column(self, number: int) -> str | None:
        """Its column of pictures."""
        return _column(self._tables[number].schema_arrow.names, self._wanted, _IMAGES)

    def read(self, number: int, column: str) -> list[Any]:
        """A column's values."""
        values: list[Any] = self._tables[number].read([column]).column(column).to_pylist()
        return values

    def presence(self, number: int) -> list[bool]:
        """Has each row a picture? Read without keeping the pictures."""
        column, table, found = self.image_column(number), self._tables[number], []
        for group in range(table.metadata.num_row_groups):
            values = table.read_row_group(group, [column]).column(column)
            found += [bool(x) for x in values.is_valid().to_pylist()]
        return found

    def read_bytes(self, path: str, /) -> bytes:
        """See `Root`."""
        number, _, row = path.partition("#")
        if not number.isdecimal() or not row.isdecimal():
            return self._beside.read_bytes(path)
        value = self._value(int(number), int(row))
        if isinstance(value, dict):
            value = value.get("bytes") or value.get("path")
        if isinstance(value, str):
            return self._beside.read_bytes(value)
        if not isinstance(value, bytes):
            raise DataError(
                f"{self._files[int(number)]}: row {row}: a picture is file content or a path, not "
                f"{type(value).__name__}"
            )
        return value

    def exists(self, path: str, /) -> bool:
        """See `Root`."""
        return "#" in path or self._beside.exists(path)

    def folders(self, path: str, /) -> list[str]:
        """See `Root`; those beside the files, which may hold tasks."""
        return self._beside.folders(path)

    def _value(self, number: int, row: int) -> Any:
        table, group = self._tables[number], 0
        while row >= table.metadata.row_group(group).num_rows:
            row -= table.metadata.row_group(group).num_rows
            group += 1
        with self._lock:  # a parquet file is no thing for two threads
            if (number, group) not in self._groups:
                column = self.image_column(number)
                values = table.read_row_group(group, [column]).column(column).to_pylist()
                self._groups[number, group] = values
                while len(self._groups) > _GROUPS:
                    self._groups.popitem(last=False)
            self._groups.move_to_end((number, group))
            return self._groups[number, group][row]


def _column(names: Sequence[str], wanted: str, usual: Sequence[str]) -> str | None:
    if wanted:
        if wanted not in names:
            raise DataError(f"no column {wanted!r}; there are {', '.join(names)}")
        return wanted
    return next((name for name in usual if name in names), None)
