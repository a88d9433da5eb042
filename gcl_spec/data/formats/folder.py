"""A folder or zip archive with train.jsonl and the pictures that it names."""

from collections.abc import Iterator, Sequence

from gcl_spec.config.options import ColumnsConfig
from gcl_spec.data.embedded import EMBEDDED, is_embedded
from gcl_spec.data.formats.jsonl import check_malformed, read_rows
from gcl_spec.data.names import VIDEO, Names
from gcl_spec.data.root import Root
from gcl_spec.data.sample import FIELDS, Sample, row_unless_malformed, sample_of
from gcl_spec.errors import DataError, EmptyDataError

__all__ = ["JsonlSource"]


class JsonlSource:
    """A `Source` of the lines of a JSONL file.

    A line is {"id": str, "image"?: path, "captions"?: [str, ...], "concept"?: str}, and for models
    of videos "video", a path, too. `concept` is the first caption where it is not given. Null and
    "" count as not given; one caption may stand without a list.
    """

    def __init__(
        self,
        root: Root,
        path: str,
        images: Root | None = None,
        columns: ColumnsConfig | None = None,
        given: Sequence[str] = ("image", "text"),
    ) -> None:
        """Read all lines; a `DataError` where no file, no line or no key of `columns` is there."""
        self.name = f"{root.name}: {path}"
        self._images = images or root
        self._rows: list[Sample | DataError] = []
        self._places: list[str] = []
        self._labels: dict[int, str] = {}  # ids of malformed rows
        seen: dict[str, str] = {}
        malformed = 0
        fields = (*FIELDS, VIDEO) if VIDEO.name in given else FIELDS
        names = Names(fields, "lines", _chosen(columns))
        for place, record in read_rows(root, path):
            self._places.append(place)
            row = record if isinstance(record, DataError) else names.take(record)
            self._rows.append(_row(place, row, seen))
            name = row.get("id") if isinstance(row, dict) else None
            last = self._rows[-1]
            if isinstance(last, DataError):
                malformed += 1
                check_malformed(self.name, malformed, len(self._rows), last)
                if isinstance(name, str):
                    self._labels[len(self._rows) - 1] = name
        if not self._rows:
            raise EmptyDataError(f"{self.name} holds no sample")
        names.check_chosen(self.name)
        self.warnings = tuple(names.warnings(self.name))
        self.notes = tuple(names.notes(self.name))
        if any(isinstance(row, Sample) and is_embedded(row.image) for row in self._rows):
            self.notes = (*self.notes, f"{self.name}: {EMBEDDED}")

    def __len__(self) -> int:
        return len(self._rows)

    def sample(self, number: int, /) -> Sample:
        """Sample `number`, from 0, without its picture (`Source.sample`).

        Raises:
            DataError: its row is malformed.
        """
        return row_unless_malformed(self._rows[number])

    def place(self, number: int, /) -> str:
        """The place of sample `number`, for messages (`Source.place`)."""
        return self._places[number]

    def label(self, number: int, /) -> str:
        """The id of sample `number`, also of a malformed one (`Source.label`)."""
        row = self._rows[number]
        return self._labels.get(number, "") if isinstance(row, DataError) else row.id

    def parts(self) -> Iterator[str]:
        """Texts that change where the samples do (`Source.parts`)."""
        return ("" if isinstance(row, DataError) else _noted(row) for row in self._rows)

    def read_bytes(self, reference: str, /) -> bytes:
        """The file of a picture, by its reference (`Source.read_bytes`)."""
        return self._images.read_bytes(reference)


def _noted(row: Sample) -> str:
    # Runs keep a hash of these texts: another form would make their data seem changed.
    parts = f"id={row.id!r}, image={row.image!r}, captions={row.captions!r}"
    video = "".join(f"{video!r}, " for video in row.files("video"))
    return f"Sample({parts}, {video}concept={row.concept!r})"


def _chosen(columns: ColumnsConfig | None) -> dict[str, str]:
    """The names of data.columns that differ from the defaults, by field."""
    chosen = {} if columns is None else columns.chosen()
    fields = {"text": "captions", f"others.{VIDEO.name}": VIDEO.name}
    return {fields.get(option, option): name for option, name in chosen.items()}


def _row(
    place: str, record: dict[str, object] | DataError, seen: dict[str, str]
) -> Sample | DataError:
    if isinstance(record, DataError):
        return record
    try:
        sample = sample_of(place, record)
    except DataError as error:
        return error.with_traceback(None)  # the traceback would hold the record
    if seen.setdefault(sample.id, place) != place:
        return DataError(f"{place}: id {sample.id!r} stands on an earlier line too")
    return sample
