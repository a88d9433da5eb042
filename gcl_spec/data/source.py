"""What every kind of training data is to the trainer: numbered samples, read at random."""

from collections.abc import Iterator
from typing import Protocol

from gcl_spec.data.sample import BadSample, Sample
from gcl_spec.errors import DataError

__all__ = ["Source", "row_of"]


class Source(Protocol):
    """N samples by number; several threads may call its methods at once."""

    name: str
    """The place where the data lies, for errors."""
    warnings: tuple[str, ...]
    """Lines on what should be mended; a user hears them when training begins."""
    notes: tuple[str, ...]
    """Lines on what is read under another name, left out or not used; a user hears them too."""

    def __len__(self) -> int:
        """The number of samples, malformed ones among them."""
        ...

    def sample(self, number: int, /) -> Sample:
        """Sample `number`, from 0, without its picture.

        Raises:
            DataError: its row is malformed.
        """
        ...

    def place(self, number: int, /) -> str:
        """Where sample `number` stands, such as "train.jsonl:3"; no two samples share a place."""
        ...

    def label(self, number: int, /) -> str:
        """The id of sample `number`, also of a malformed one; it is "" where it is not known."""
        ...

    def parts(self) -> Iterator[str]:
        """Texts that change where the samples do, from which a resume sees that data has changed.

        They are the content of each row ("" for a malformed one), or name, size and rows of each
        file. They do not name the folder.
        """
        ...

    def read_bytes(self, reference: str, /) -> bytes:
        """The content of a file, such as a picture or a video, by its reference in `Sample.given`.

        Raises:
            DataError: it is missing, damaged, or its path leads out of the data.
        """
        ...


def row_of(source: Source, number: int) -> Sample | BadSample:
    """A sample, or why it is none."""
    try:
        return source.sample(number)
    except DataError as error:
        return BadSample(source.label(number), source.place(number), str(error))
