"""Reads samples from the lines of a csv or tsv file, as open_clip and spreadsheets have them."""

import csv
import os
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from gcl_spec._files.reading import megabytes, open_regular
from gcl_spec._words import brief
from gcl_spec.config.options import ColumnsConfig
from gcl_spec.data.embedded import EMBEDDED, is_embedded
from gcl_spec.data.formats.columns import find_columns
from gcl_spec.data.names import SPLITS, plain, split_warning
from gcl_spec.data.root import Root
from gcl_spec.data.sample import Sample, clean_captions
from gcl_spec.errors import DataError, EmptyDataError

__all__ = ["TextTableSource"]

_DELIMITERS = (",", "\t", ";", "|")
_LONGEST = 64 * 2**20  # the most bytes of a line, which may hold a picture as base64
_MORE_LINES = 4 * 2**20  # the most bytes of a row behind its first line
_BLOCK = 2**20
_MORE = {"text": ("title",), "image": ("filepath",)}  # open_clip's default column names
_WANTED = "wanted a header line and a line a sample, as the columns of parquet or train.jsonl"


class TextTableSource:
    """A `Source` of the rows of a csv or tsv file, whose first line names the columns.

    Values with the delimiter, quotes or line ends in them stand in double quotes (RFC 4180). Only
    the places of rows are in memory.
    """

    def __init__(
        self,
        path: Path,
        columns: ColumnsConfig,
        images: Root,
        given: Sequence[str] = ("image", "text"),
    ) -> None:
        """Find the rows; a `DataError` where there are none, or nothing in them that is read."""
        self.name, self._path, self._images = str(path), path, images
        self._file = _File(path)
        self._end = self._file.size
        self._starts, self._lines = array("q"), array("q")
        first = self._file.lines(0)
        header_bytes = next(first, b"")
        header = _text(f"{path}:1", header_bytes)
        self._delimiter = _delimiter(header, path)
        self._names = [x.strip() for x in self._fields(f"{path}:1", header)]
        counts = Counter(filter(None, self._names))
        twice = next((name for name, count in counts.items() if count > 1), None)
        if not any(self._names) or twice is not None:
            what = "has no header" if twice is None else f"has two columns {brief(twice)!r}"
            raise DataError(f"{path} {what}; {_WANTED}")
        try:
            self._columns = find_columns(self.name, self._names, columns, more=_MORE, given=given)
        except DataError as error:
            raise DataError(f"{error}; the first line must name the columns") from error
        self._find_rows(len(header_bytes))
        if not self._lines:
            raise EmptyDataError(f"{path} holds no row below its header; {_WANTED}")
        self.warnings = (*self._columns.warnings, *self._other_splits())
        columns_read = (self._columns.image, self._columns.text, *self._columns.others.values())
        read = [repr(x) for x in columns_read if x is not None]
        told = f"{path}: the values of {' and '.join(read)} are read as the columns of parquet are"
        self.notes = (*self._columns.notes, told)
        if self._columns.image is not None and is_embedded(self._first(self._columns.image)):
            self.notes = (*self.notes, f"{path}: {EMBEDDED}")

    def __len__(self) -> int:
        return len(self._lines)

    def sample(self, number: int, /) -> Sample:
        """Sample `number`, from 0, without its picture (`Source.sample`).

        Raises:
            DataError: its row is malformed.
        """
        place, row, columns = self.place(number), self._row(number), self._columns
        captions = () if columns.text is None else clean_captions(place, row[columns.text])
        image = "" if columns.image is None else row[columns.image].strip()
        video = columns.others.get("video")
        video = None if video is None else row[video].strip() or None
        if not image and not captions and not video:
            raise DataError(f"{place}: neither image nor caption")
        name = "" if columns.id is None else row[columns.id].strip()
        concept = "" if columns.concept is None else row[columns.concept].strip()
        concept = concept or (captions[0] if captions else f"row {place}")
        return Sample.of_pair(name or place, image or None, captions, concept, video)

    def place(self, number: int, /) -> str:
        """The place of sample `number` (`Source.place`); lines count from 1, the header."""
        return f"{self.name}:{self._lines[number]}"

    def label(self, number: int, /) -> str:
        """The id of sample `number`, also of a malformed one (`Source.label`)."""
        try:
            return "" if self._columns.id is None else self._row(number)[self._columns.id].strip()
        except DataError:
            return ""

    def parts(self) -> Iterator[str]:
        """Texts that change where the samples do (`Source.parts`)."""
        yield repr((self._path.name, self._end, len(self)))

    def read_bytes(self, reference: str, /) -> bytes:
        """The file of a picture, by its reference (`Source.read_bytes`)."""
        return self._images.read_bytes(reference)

    def _other_splits(self) -> Iterator[str]:
        for name in self._names:
            if plain(name) in SPLITS:
                values: Counter[str] = Counter()
                for number in range(len(self)):
                    with suppress(DataError):
                        values[self._row(number)[name]] += 1
                yield from split_warning(self.name, values, "rows")

    def _first(self, column: str) -> str:
        try:
            return self._row(0)[column]
        except DataError:
            return ""

    def _find_rows(self, start: int) -> None:
        """Note where each row begins; blank lines are no rows.

        A row has several lines where a value in quotes has. A malformed row is its first line
        alone, so that a quote that is not closed takes no other row with it.
        """
        line = 2
        while start < self._end:
            start, line = self._find_some(start, line)

    def _find_some(self, start: int, line: int) -> tuple[int, int]:
        """Note rows up to the next malformed one; returns its end and the line's number there."""
        sizes: list[int] = []  # bytes of the lines of a row

        def read() -> Iterator[str]:
            left = _LONGEST
            for data in self._file.lines(start):
                left = left - len(data) if sizes else _LONGEST - len(data)
                sizes.append(len(data))
                if left < 0 or (len(sizes) > 1 and left < _LONGEST - sizes[0] - _MORE_LINES):
                    raise csv.Error
                yield data.decode("latin-1")  # the bytes as they are; they are decoded later

        rows = csv.reader(read(), delimiter=self._delimiter, strict=True)
        while True:
            try:
                row = next(rows, None)
            except csv.Error:
                if sizes[0] > _LONGEST:
                    what = f"{self._path}:{line}: a line of more than {megabytes(_LONGEST)}"
                    raise DataError(f"{what}; {_WANTED}") from None
                row = [""]
                del sizes[1:]
            if row is None:
                return self._end, line
            if row:
                self._starts.append(start)
                self._lines.append(line)
            start, line = start + sum(sizes), line + len(sizes)
            if row == [""]:
                return start, line
            sizes.clear()

    def _row(self, number: int) -> dict[str, str]:
        start = self._starts[number]
        end = self._starts[number + 1] if number + 1 < len(self) else self._end
        place = self.place(number)
        data = self._file.read(start, end - start)
        if len(data) != end - start:
            raise DataError(f"{self._path} has become shorter since it was opened")
        fields = self._fields(place, _text(place, data))
        if len(fields) != len(self._names):
            raise DataError(
                f"{place}: {len(fields)} values, and the header names {len(self._names)} columns; "
                f"values with {self._delimiter!r} in them stand in double quotes"
            )
        return dict(zip(self._names, fields, strict=True))

    def _fields(self, place: str, text: str) -> list[str]:
        # A limit of the whole process on a value; pictures as base64 are longer than its 128 kB.
        csv.field_size_limit(max(csv.field_size_limit(), _LONGEST))
        # `splitlines` will not do: values may hold U+2028 and other separators as they are.
        lines = [f"{line}\n" for line in text.rstrip("\r\n").split("\n")]
        try:
            return next(csv.reader(lines, delimiter=self._delimiter, strict=True), [])
        except csv.Error as error:
            raise DataError(
                f"{place}: not a row of values: {error}; a value with quotes in it stands in "
                "quotes, and those within are written twice"
            ) from error


class _File:
    """A file that is only open while it is read, because there may be thousands.

    Reading raises a `DataError` where the file cannot be read, or has changed since the first look.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._returns = False
        beginning = self.read(0, _BLOCK)
        # Old spreadsheets on the Macintosh end lines so.
        self._returns = b"\r" in beginning and b"\n" not in beginning
        self.size = self._stamp[0] if self._stamp else 0

    def read(self, start: int, size: int) -> bytes:
        """These bytes, or fewer at the end; several threads may read at once."""
        try:
            with open_regular(self._path) as file:
                status = os.fstat(file.fileno())
                stamp = (status.st_size, status.st_mtime_ns)
                if stamp != (self._stamp or stamp):
                    raise DataError(
                        f"{self._path} has changed since it was opened: it is newer, longer or "
                        "shorter; start again"
                    )
                self._stamp = stamp
                data = os.pread(file.fileno(), size, start)
        except OSError as error:
            raise self._unreadable(error) from error
        return data.replace(b"\r", b"\n") if self._returns else data

    def lines(self, start: int) -> Iterator[bytes]:
        """The lines from a place on; one that is too long is cut where that shows."""
        kept = b""
        while block := self.read(start, _BLOCK):
            start += len(block)
            *whole, kept = (kept + block).split(b"\n")
            yield from (line + b"\n" for line in whole)
            if len(kept) > _LONGEST:
                yield kept
                return
        if kept:
            yield kept

    def _unreadable(self, error: OSError) -> DataError:
        return DataError(f"{self._path}: cannot read it: {error.strerror}")


def _text(place: str, data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{place}: UTF-16, as spreadsheets write it; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{place}: not UTF-8 text: {error}; save it as UTF-8") from error


def _delimiter(header: str, path: Path) -> str:
    """The delimiter that gives the header most names; among equals a tab in .tsv, else a comma."""
    order = _DELIMITERS if path.suffix.lower() == ".csv" else ("\t", *_DELIMITERS)

    def count(delimiter: str) -> int:
        try:
            return len(next(csv.reader([header.strip("\r\n")], delimiter=delimiter), []))
        except csv.Error:
            return 0

    return max(order, key=count)
