"""Training rows of MMEB v1 (VLM2Vec, arXiv 2410.05160): a query, its right and a wrong answer.

<set>/original-00000-of-00001.parquet has the columns qry, qry_image_path, pos_text, pos_image_path,
neg_text and neg_image_path, with "" for no text and no picture. Two other files of a set have the
same rows under other instructions: diverse_instruction-... and, for some sets, train-...
"""

from collections import Counter
from collections.abc import Collection, Iterator
from typing import NamedTuple

from gcl_spec.data.formats.jsonl import check_malformed
from gcl_spec.data.formats.parquet_table import ParquetTable
from gcl_spec.data.names import shown
from gcl_spec.data.root import Root
from gcl_spec.data.sample import Sample, row_unless_malformed
from gcl_spec.errors import DataError, EmptyDataError

__all__ = [
    "ANSWER_COLUMNS",
    "MARKER",
    "WRONG_COLUMNS",
    "MmebSource",
    "is_mmeb",
    "plain_text",
]

MARKER = "<|image_1|>"
"""The marker of the picture in a text; VLM2Vec's CLIP baseline encodes it as text."""

ANSWER_COLUMNS = ("qry", "qry_image_path", "pos_text", "pos_image_path")
WRONG_COLUMNS = ("neg_text", "neg_image_path")


def is_mmeb(columns: Collection[str]) -> bool:
    """Are these the columns of MMEB's training files?"""
    return {*ANSWER_COLUMNS} <= {*columns}


def plain_text(text: str) -> str:
    """A text without the marker of its picture, and without blanks around it.

    >>> plain_text("<|image_1|> Represent the given picture." + chr(10))
    'Represent the given picture.'
    """
    return text.replace(MARKER, "").strip()


class _Side(NamedTuple):
    """A query or an answer; what it lacks is ""."""

    text: str
    image: str


class MmebSource:
    """A `Source` of the rows whose query or right answer, one of the two, has a picture.

    A sample is this picture with the text of the other side. What a sample cannot hold is left out,
    and `notes` count it: a text beside the picture, such as a question; the wrong answer; and rows
    in which both sides have a picture, or none.

    Args:
        table: the rows.
        images: where the pictures lie: the paths begin in the folder that holds all sets.
    """

    def __init__(self, table: ParquetTable, images: Root) -> None:
        """Read all rows; a `DataError` where none is one of a picture and a text."""
        more = f" and {len(table.paths) - 1} more" if len(table.paths) > 1 else ""
        self.name = f"{table.paths[0]}{more}"
        self._table, self._images = table, images
        self._columns = (
            *ANSWER_COLUMNS,
            *(WRONG_COLUMNS if {*WRONG_COLUMNS} <= {*table.names} else ()),
        )
        for column in self._columns:
            table.check(column)
        self._numbers: list[int] = []
        self._rows: list[tuple[str, str] | DataError] = []  # each row's picture and text
        self._left_out: Counter[str] = Counter()
        self._beside = ""
        for number in range(len(table)):
            self._add(number)
        if not self._rows:
            raise EmptyDataError(f"{self.name} holds no row of a picture and a text")
        self.warnings = tuple(self._warnings())
        self.notes = tuple(self._notes())

    def __len__(self) -> int:
        return len(self._rows)

    def sample(self, number: int, /) -> Sample:
        """Sample `number`, from 0, without its picture (`Source.sample`).

        Raises:
            DataError: its row is malformed.
        """
        image, text = row_unless_malformed(self._rows[number])
        return Sample.of_pair(self.place(number), image, (text,), text)

    def place(self, number: int, /) -> str:
        """The place of sample `number`, for messages (`Source.place`)."""
        return self._table.place(self._numbers[number])

    def label(self, number: int, /) -> str:
        """The rows have no ids (`Source.label`)."""
        return ""

    def parts(self) -> Iterator[str]:
        """Texts that change where the samples do (`Source.parts`)."""
        return self._table.parts()

    def read_bytes(self, reference: str, /) -> bytes:
        """The file of a picture, by its reference (`Source.read_bytes`)."""
        return self._images.read_bytes(reference)

    def _add(self, number: int) -> None:
        place = self._table.place(number)
        row: tuple[str, str] | DataError | None
        try:
            row = self._pair(place, number)
        except DataError as error:
            row = error.with_traceback(None)
            self._left_out["malformed"] += 1
            check_malformed(self.name, self._left_out["malformed"], number + 1, error)
        if row is not None:
            self._numbers.append(number)
            self._rows.append(row)

    def _pair(self, place: str, number: int) -> tuple[str, str] | None:
        """The picture of a row and the text of the other side; None where there is no such pair."""
        cells = [self._table.value(number, column) or "" for column in self._columns]
        for column, cell in zip(self._columns, cells, strict=True):
            if not isinstance(cell, str):
                raise DataError(f"{place}: {column!r} must be a text, not {cell!r:.80}")
        sides = [_Side(plain_text(t), i) for t, i in zip(cells[::2], cells[1::2], strict=True)]
        query, right = sides[:2]
        for what, side in (("query", query), ("right answer", right)):
            if not any(side):
                raise DataError(f"{place}: its {what} has neither text nor picture; remove the row")
        self._left_out["wrong answers"] += any(map(any, sides[2:]))
        if bool(query.image) == bool(right.image):
            self._left_out["both" if query.image else "none"] += 1
            return None
        seen, said = (query, right) if query.image else (right, query)
        self._left_out["beside"] += bool(seen.text)
        self._beside = self._beside or seen.text
        return seen.image, said.text

    def _warnings(self) -> Iterator[str]:
        versions = {path.parent: set[str]() for path in self._table.paths}
        for path in self._table.paths:
            versions[path.parent].add(path.name.partition("-")[0])
        for folder, names in versions.items():
            if len(names) > 1:
                yield (
                    f"{folder}: files that have the same rows under other instructions: "
                    f"{', '.join(sorted(names))}; name one with data.path"
                )
        first = next((row[0] for row in self._rows if not isinstance(row, DataError)), "")
        if first and not self._images.exists(first):
            yield (
                f"{self.name}: no picture {first!r} in {self._images.name}; the paths begin in the "
                "folder that holds MMEB's sets: name it with --set data.images=FOLDER"
            )

    def _notes(self) -> Iterator[str]:
        out, total = self._left_out, len(self._table)
        yield (
            f"{self.name}: read as MMEB's training rows: the picture of a query or of its right "
            f"answer, with the text of the other: {len(self._rows):,} of {total:,} rows"
        )
        if out["both"] or out["none"]:
            yield (
                f"{self.name}: rows that are left out: {out['both']:,} with a picture on both "
                f"sides, {out['none']:,} without any"
            )
        if out["beside"]:
            yield (
                f"{self.name}: texts beside the picture, which are not used: {out['beside']:,}, "
                f"such as {shown(self._beside)}"
            )
        if out["wrong answers"]:
            yield f"{self.name}: wrong answers, which are not used: {out['wrong answers']:,}"
