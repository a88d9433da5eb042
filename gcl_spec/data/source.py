"""What every kind of training data is to the trainer: numbered samples, read at random."""

from collections.abc import Iterator
from typing import Protocol

from gcl_spec.data.sample import BadSample, Sample
from gcl_spec.errors import DataError

__all__ = ["Source", "row_of"]


class Source(Protocol):
    """N samples by number. All methods may be called from several threads at once."""

    name: str
    """Where it lies, for errors."""
    warnings: tuple[str, ...]
    """What should be mended; a user hears it when training begins."""
    notes: tuple[str, ...]
    """What is read under another name than its own, left out or not used; heard then, too."""

    def __len__(self) -> int:
        """How many samples, malformed ones among them."""
        ...

    def sample(self, number: int, /) -> Sample:
        """Sample `number`, from 0, without its picture; `DataError` where its row is malformed."""
        ...

    def place(self, number: int, /) -> str:
        """Where sample `number` stands, such as "train.jsonl:3": no two samples in one place."""
        ...

    def label(self, number: int, /) -> str:
        """The id of sample `number`, also of a malformed one; "" where it cannot be known."""
        ...

    def parts(self) -> Iterator[str]:
        """Texts that change where the samples do: of each row, "" where it is malformed, or of
        each file its name, size and rows. They do not name the folder.
        """
        ...

    def read_bytes(self, reference: str, /) -> bytes:
        """The file of a picture, by `Sample.image`.

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
