"""Composed triplets of MMEB's training rows (VLM2Vec, arXiv 2410.05160)."""

from collections import defaultdict
from collections.abc import Iterator

from gcl_spec.data.formats.composed import Composed, ComposedSource, Side
from gcl_spec.data.formats.mmeb import ANSWER_COLUMNS, WRONG_COLUMNS, plain_text
from gcl_spec.data.formats.parquet_table import ParquetTable
from gcl_spec.data.names import shown
from gcl_spec.data.root import Root
from gcl_spec.errors import DataError

__all__ = ["MmebTriplets"]

_SHARE = 100


class MmebTriplets(ComposedSource):
    """A `Source` of rows with a picture and a text on one side, and one of both on the other.

    The text beside an answer's picture is often an instruction alone, such as "Represent the given
    image."; it is one where it stands beside at least 2 and 1 % of the pictures, and is then left
    out, so that the answer is a picture.

    Args:
        table: the rows.
        images: where the pictures lie: the paths begin in the folder that holds all sets.
    """

    def __init__(self, table: ParquetTable, images: Root) -> None:
        """Read all rows; a `DataError` where none can be trained on."""
        more = f" and {len(table.paths) - 1} more" if len(table.paths) > 1 else ""
        self._table, self._wrong, self._bare = table, 0, 0
        has_wrong = {*WRONG_COLUMNS} <= {*table.names}
        self._columns = (*ANSWER_COLUMNS, *(WRONG_COLUMNS if has_wrong else ()))
        for column in self._columns:
            table.check(column)
        self._instructions = self._find_instructions()
        super().__init__(f"{table.paths[0]}{more}", self._read(), images)
        self.notes = (*self.notes, *self._more_notes())
        first = self.first_picture()
        if first and not images.exists(first):
            self.warnings = (
                f"{self.name}: no picture {first!r} in {images.name}; the paths begin in the "
                "folder that holds MMEB's sets: name it with --set data.images=FOLDER",
            )

    def parts(self) -> Iterator[str]:
        """Texts that change where the samples do (`Source.parts`)."""
        return self._table.parts()

    def _find_instructions(self) -> frozenset[str]:
        pictures: dict[str, set[object]] = defaultdict(set)
        for number in range(len(self._table)):
            text = self._table.value(number, "pos_text")
            image = self._table.value(number, "pos_image_path")
            if image and isinstance(text, str):
                pictures[plain_text(text)].add(image)
        total = len(set().union(*pictures.values()))
        least = max(2, total / _SHARE)
        return frozenset(text for text, some in pictures.items() if text and len(some) >= least)

    def _read(self) -> Iterator[tuple[str, Composed | DataError]]:
        for number in range(len(self._table)):
            place = self._table.place(number)
            try:
                yield place, self._composed(place, number)
            except DataError as error:
                yield place, error.with_traceback(None)

    def _composed(self, place: str, number: int) -> Composed:
        cells = [self._table.value(number, column) or "" for column in self._columns]
        for column, cell in zip(self._columns, cells, strict=True):
            if not isinstance(cell, str):
                raise DataError(f"{place}: {column!r} must be a text, not {cell!r:.80}")
        query, target, *wrong = (
            Side(plain_text(text), image)
            for text, image in zip(cells[::2], cells[1::2], strict=True)
        )
        for what, side in (("query", query), ("right answer", target)):
            if not any(side):
                raise DataError(f"{place}: its {what} has neither text nor picture; remove the row")
        self._wrong += any(map(any, wrong))
        if target.image and target.text in self._instructions:
            self._bare += 1
            target = target._replace(text="")
        return Composed(query, target)

    def _more_notes(self) -> Iterator[str]:
        if self._bare:
            yield (
                f"{self.name}: instructions beside right answers' pictures, which are not used: "
                f"{self._bare:,}, such as {shown(min(self._instructions))}"
            )
        if self._wrong:
            yield f"{self.name}: wrong answers, which are not used: {self._wrong:,}"
