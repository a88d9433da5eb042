"""The pictures of the items of an index, which are read where the items came from."""

from pathlib import Path

from gcl_spec.data.prepare.collate import Reader
from gcl_spec.errors import DataError, GclError
from gcl_spec.index.about import Origin
from gcl_spec.index.given import FILES, PathReader
from gcl_spec.index.sources import reader_of

__all__ = ["Pictures"]


class Pictures:
    """Reads pictures by what the rows of an index say of them, and no other files.

    Args:
        folder: the index, for messages.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._readers: dict[Origin, Reader | None] = {}

    def read(self, origin: Origin, image: str | None) -> bytes:
        """The file of a picture.

        Args:
            origin: the place that its item came from.
            image: its path or reference there, as the item's row has it.

        Raises:
            DataError: the item has no picture, or it cannot be read any more.
        """
        if origin not in self._readers:
            try:
                self._readers[origin] = PathReader() if origin == FILES else reader_of(origin)
            except GclError as error:
                raise DataError(
                    f"{self._folder}: the pictures of {origin.path} cannot be read: {error}"
                ) from error
        reader = self._readers[origin]
        if reader is None or image is None:
            raise DataError("this item has no picture")
        return reader.read_bytes(image)
