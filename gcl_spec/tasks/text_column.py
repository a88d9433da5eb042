"""Texts of which there may be millions, of which at most some megabytes are in memory."""

import os
import tempfile
import weakref
from array import array

import numpy as np

from gcl_spec._files.reading import reason
from gcl_spec._typing import BoolArray
from gcl_spec.errors import DataError

__all__ = ["TextColumn"]

_MOST_BYTES = 32 * 2**20


class TextColumn:
    """Texts of one kind, one after the other; those of a large column lie in a temporary file.

    The file has no name, so that it is gone with the column, however the program ends.

    Args:
        empty: how many empty texts the column begins with.
    """

    def __init__(self, empty: int = 0) -> None:
        self._ends = array("Q", bytes(8 * empty))
        self._last = bytearray()
        self._stored = 0
        self._file: int | None = None

    def add(self, text: str) -> None:
        """Add a text; a `DataError` where the temporary file cannot be written."""
        self._last += text.encode()
        self._ends.append(self._stored + len(self._last))
        if len(self._last) >= _MOST_BYTES:
            self._store()

    def get(self, row: int) -> str:
        """The text that was added as number `row`."""
        start, end = self._ends[row - 1] if row else 0, self._ends[row]
        if start >= self._stored:
            return self._last[start - self._stored : end - self._stored].decode()
        assert self._file is not None
        return os.pread(self._file, end - start, start).decode()

    def filled(self) -> BoolArray:
        """Is the text of a row not empty? Shape (rows,)."""
        return np.diff(np.array(self._ends, np.int64), prepend=0) > 0

    def _store(self) -> None:
        """Move all that is in memory to the end of the file."""
        try:
            if self._file is None:
                with tempfile.TemporaryFile() as file:
                    self._file = os.dup(file.fileno())
                weakref.finalize(self, os.close, self._file)
            with memoryview(self._last) as left:
                done = 0
                while done < len(left):
                    done += os.pwrite(self._file, left[done:], self._stored + done)
        except OSError as error:
            raise DataError(
                f"cannot keep texts of items in a file in {tempfile.gettempdir()}: "
                f"{reason(error)}; free some space, or let TMPDIR name another folder"
            ) from error
        self._stored += len(self._last)
        self._last.clear()
