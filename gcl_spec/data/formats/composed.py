"""Composed triplets: a query, and a right answer that is another item, each with its modalities."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gcl_spec.data.formats.jsonl import check_malformed
from gcl_spec.data.names import listed
from gcl_spec.data.root import Root
from gcl_spec.data.sample import Sample, row_unless_malformed
from gcl_spec.errors import DataError, EmptyDataError
from gcl_spec.loss.two_sided import target_name

__all__ = ["KINDS", "NO_TRIPLETS", "Composed", "ComposedSource", "Side", "kind_of", "query_key"]

KINDS = ("image+text->image", "text->image+text", "video+text->video")
"""The kinds that are trained, as the parts of the query and of its answer.

A picture with an edit, answered by the edited picture, and a text, answered by a picture with text,
are the kinds of VISTA's second stage (arXiv 2406.04292). A video with an edit, answered by the
edited video, is WebVid-CoVR's (arXiv 2308.14746).
"""


NO_TRIPLETS = (
    "the query of image+text to image then holds the picture that is its answer; composed triplets "
    "are read from the files of VISTA's second stage, MMEB's training rows and WebVid-CoVR's"
)
"""The end of a warning where samples of one item are trained on in place of triplets."""


class Side(NamedTuple):
    """A query or an answer; what it lacks is ""."""

    text: str
    image: str
    video: str = ""

    @property
    def modality(self) -> str:
        """What it has: "image", "text", "image+text", or "" for nothing."""
        return "+".join(name for name in ("image", "video", "text") if getattr(self, name))


class Composed(NamedTuple):
    """A query and its right answer."""

    query: Side
    target: Side


def kind_of(sample: Composed) -> str:
    """The direction of a sample, such as "text->image+text"."""
    return f"{sample.query.modality}->{sample.target.modality}"


def query_key(text: str | None, *files: str | None) -> str | None:
    """What samples share that ask the same: the text, and the picture or video; None for neither.

    An edit such as "make it red" stands beside many pictures, and asks for something else of each.
    """
    return repr((text, *files)) if text or any(files) else None


class ComposedSource:
    """A `Source` of composed triplets, of the kinds that are trained; `notes` count the others.

    A sample has its query's parts as "image", "text" and "video", and its target's as
    "target_image" and so on. Of a query's video its middle frame is the "image". Samples of one
    target are of one concept.

    Args:
        name: where the data lies, for messages.
        rows: the places of all rows, with what they hold, or why they are malformed.
        images: where the pictures lie.
    """

    def __init__(
        self,
        name: str,
        rows: Iterator[tuple[str, Composed | DataError]],
        images: Root,
    ) -> None:
        """Read all rows; a `DataError` where none is of a kind that is trained."""
        self.name, self._images = name, images
        self._rows: list[Composed | DataError] = []
        self._places: list[str] = []
        counts: Counter[str] = Counter()
        malformed = 0
        for number, (place, row) in enumerate(rows, 1):
            if isinstance(row, DataError):
                malformed += 1
                check_malformed(name, malformed, number, row)
            else:
                counts[kind_of(row)] += 1
                if kind_of(row) not in KINDS:
                    continue
            self._rows.append(row)
            self._places.append(place)
        if not any(counts[kind] for kind in KINDS):
            raise EmptyDataError(
                f"{name} holds no composed triplet, {' or '.join(KINDS)}; there are "
                f"{_counted(counts) or 'malformed rows alone'}"
            )
        self.warnings: tuple[str, ...] = ()
        self.notes: tuple[str, ...] = tuple(self._notes(counts))

    def __len__(self) -> int:
        return len(self._rows)

    def sample(self, number: int, /) -> Sample:
        """Sample `number`, from 0, without its pictures (`Source.sample`).

        Raises:
            DataError: its row is malformed.
        """
        query, target = row_unless_malformed(self._rows[number])
        parts = {"image": query.image or query.video, "text": query.text, "video": query.video}
        parts |= {target_name(name): part for name, part in target._asdict().items()}
        given = {name: (part,) for name, part in parts.items() if part}
        return Sample(self.place(number), given, f"{target.image or target.video}\n{target.text}")

    def place(self, number: int, /) -> str:
        """The place of sample `number`, for messages (`Source.place`)."""
        return self._places[number]

    def label(self, number: int, /) -> str:
        """The rows have no ids (`Source.label`)."""
        return ""

    def parts(self) -> Iterator[str]:
        """Texts that change where the samples do (`Source.parts`)."""
        return (
            "" if isinstance(row, DataError) else repr(tuple(map(_noted, row)))
            for row in self._rows
        )

    def read_bytes(self, reference: str, /) -> bytes:
        """The file of a picture, by its reference (`Source.read_bytes`)."""
        return self._images.read_bytes(reference)

    def first_picture(self) -> str:
        """The reference of a picture or video; "" where all rows are malformed."""
        good = (side for row in self._rows if isinstance(row, Composed) for side in row)
        return next((side.image or side.video for side in good if side.image or side.video), "")

    def _notes(self, counts: Counter[str]) -> Iterator[str]:
        own = Counter({kind: counts[kind] for kind in KINDS if counts[kind]})
        yield f"{self.name}: read as composed triplets: {_counted(own)}"
        others = Counter({kind: n for kind, n in counts.items() if kind not in KINDS})
        if others:
            yield f"{self.name}: rows of other kinds, which are left out: {_counted(others)}"


def _noted(side: Side) -> tuple[str, ...]:
    # Runs keep a hash of these texts: a further entry would make their data seem changed.
    return tuple(side) if side.video else tuple(side)[:2]


def _counted(counts: Counter[str]) -> str:
    shown: Sequence[str] = [f"{count:,} of {kind}" for kind, count in counts.most_common()]
    return listed(shown)
