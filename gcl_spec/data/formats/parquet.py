"""Samples in the rows of parquet files."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from gcl_spec._words import brief
from gcl_spec.config.options import ColumnsConfig
from gcl_spec.data.embedded import EMBEDDED, is_embedded, unwrapped
from gcl_spec.data.formats.columns import Columns, find_columns
from gcl_spec.data.formats.parquet_table import MEMORY, ParquetTable
from gcl_spec.data.names import SPLITS, plain, split_warning
from gcl_spec.data.root import Root
from gcl_spec.data.sample import Sample, clean_captions
from gcl_spec.errors import DataError

__all__ = ["ParquetSource", "picture_file"]

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
_VIDEO = "video:"
_LARGE = 64 * 2**20  # bytes of a row group; reading one picture from a larger group is slow


class ParquetSource:
    """A `Source` of rows with a picture (content, {bytes, path} or path), captions, and a name."""

    def __init__(
        self,
        table: ParquetTable,
        columns: ColumnsConfig,
        images: Root,
        given: Sequence[str] = ("image", "text"),
    ) -> None:
        """Find the columns; a `DataError` where none holds what is read."""
        self._table, self._images = table, images
        first = table.paths[0]
        names = table.names
        self._columns: Columns = find_columns(str(first), names, columns, given=given)
        more = f" and {len(table.paths) - 1} more" if len(table.paths) > 1 else ""
        self.name = f"{first}{more}"
        if not len(table):
            raise DataError(f"{self.name} holds no row")
        self._video = self._columns.others.get("video")
        files = (self._columns.image, self._video)
        for name, kinds in (*((file, _PICTURES) for file in files), (self._columns.text, _TEXTS)):
            kind = "" if name is None else table.type_of(name)
            inner = re.sub(r"^(large_)?list<\w+: |^fixed_size_list<\w+: ", "", kind)
            inner = kind if kinds is _TEXTS else inner  # a list of one picture is one
            if kind and not inner.startswith(kinds):
                raise DataError(f"{first}: column {name!r} is {kind}, not {kinds[0]} or the like")
            if kind.startswith("struct") and not re.search(r"\b(bytes|path): ", kind):
                raise DataError(f"{first}: column {name!r} is {kind:.200}; wanted bytes or a path")
        self.warnings = (*self._columns.warnings, *self._other_splits(), *self._slow())
        embeds = is_embedded(self._first_picture())
        self.notes = (*self._columns.notes, *([f"{self.name}: {EMBEDDED}"] if embeds else []))

    def __len__(self) -> int:
        return len(self._table)

    def sample(self, number: int, /) -> Sample:
        """Sample `number`, from 0, without its picture (`Source.sample`).

        Raises:
            DataError: its row is malformed.
        """
        place = self.place(number)
        captions: tuple[str, ...] = ()
        if self._columns.text is not None:
            captions = clean_captions(place, self._table.value(number, self._columns.text))
        image = str(number) if self._shows(number, self._columns.image) else None
        video = f"{_VIDEO}{number}" if self._shows(number, self._video) else None
        if image is None and video is None and not captions:
            raise DataError(f"{place}: neither image nor caption")
        name, concept = self._cell(number, self._columns.id), self._concept(number)
        concept = concept or (captions[0] if captions else f"row {place}")
        return Sample.of_pair(place if name is None else str(name), image, captions, concept, video)

    def place(self, number: int, /) -> str:
        """The place of sample `number`, for messages (`Source.place`)."""
        return self._table.place(number)

    def label(self, number: int, /) -> str:
        """The id of sample `number`, also of a malformed one (`Source.label`)."""
        try:
            name = self._cell(number, self._columns.id)
        except DataError:
            name = None
        return "" if name is None else str(name)

    def parts(self) -> Iterator[str]:
        """Texts that change where the samples do (`Source.parts`)."""
        return self._table.parts()

    def read_bytes(self, reference: str, /) -> bytes:
        """The file of a picture (`Source.read_bytes`); its reference is the number of the row.

        That of a video is "video:" and the number.

        Raises:
            DataError: there is no such row, or not one picture in it.
        """
        row = reference.removeprefix(_VIDEO)
        if not row.isdecimal() or int(row) >= len(self):
            raise DataError(
                f"{self.name}: no picture {brief(reference)!r}; a row's number is meant"
            )
        column = self._columns.image if row == reference else self._video
        return picture_file(self.place(int(row)), self._cell(int(row), column), self._images)

    def _first_picture(self) -> Any:
        try:
            cell = self._cell(0, self._columns.image)
        except DataError:  # reading the row as a sample raises it again
            return None
        return _picture(cell)

    def _shows(self, number: int, column: str | None) -> bool:
        return column is not None and self._table.shows(number, column)

    def _cell(self, number: int, column: str | None) -> Any:
        return None if column is None else self._table.value(number, column)

    def _concept(self, number: int) -> str:
        concept = self._cell(number, self._columns.concept)
        if concept is not None and not isinstance(concept, str):
            raise DataError(f"{self.place(number)}: 'concept' must be a text")
        return concept or ""

    def _other_splits(self) -> Iterator[str]:
        for name in self._table.names:
            if plain(name) in SPLITS and self._table.type_of(name).startswith(_TEXTS[:2]):
                try:
                    self._table.check(name)
                except DataError:
                    continue  # some files lack the column
                counts = self._table.read_all([name]).column(name).value_counts().to_pylist()
                values = {str(x["values"]): int(x["counts"]) for x in counts}
                yield from split_warning(self.name, values, "rows")

    def _slow(self) -> tuple[str, ...]:
        if self._columns.image is None:
            return ()
        sizes = self._table.bytes_of(self._columns.image)
        if max(sizes) <= _LARGE or sum(sizes) <= MEMORY:
            return ()
        return (
            f"{self.name}: row groups of up to {max(sizes) / 2**20:.0f} MB; every picture costs "
            "the reading of its whole group; write the files again with row_group_size=256, or as "
            "tar shards",
        )


def picture_file(place: str, cell: Any, images: Root) -> bytes:
    """The file of the picture in a cell, which holds it, or names it.

    Args:
        place: where the cell stands, for errors.
        cell: a file's content, {bytes, path}, a path, base64, or a list of one of these.
        images: where a path leads.

    Raises:
        DataError: there is no picture in the cell, or several, or no such file.
    """
    if isinstance(cell, list) and len(cell) > 1:
        raise DataError(f"{place}: {len(cell)} images; a sample has one")
    cell = _picture(cell)
    if isinstance(cell, str) and cell:
        return images.read_bytes(cell)
    if not isinstance(cell, bytes) or not cell:
        raise DataError(f"{place}: its picture is {type(cell).__name__}, no file")
    return unwrapped(cell)


def _picture(cell: Any) -> Any:
    """The picture in a cell: bytes, which may be base64 in a text, or a path."""
    if isinstance(cell, list):
        cell = cell[0] if cell else None
    return cell.get("bytes") or cell.get("path") if isinstance(cell, dict) else cell
