"""Rows that `gcl embed` has stored, in shards for a search or by the content of items."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gcl_spec._typing import FloatArray, IntArray
from gcl_spec.embed.entry import Content, key_of
from gcl_spec.embed.manifest import Manifest, read_manifest
from gcl_spec.embed.shards import Head, Line, head_of, lines_of, list_path, rows_fit, rows_path
from gcl_spec.errors import DataError

__all__ = ["Embeddings", "StoredRows"]

_KEY = np.dtype("S16")


class StoredRows(NamedTuple):
    """The rows of a shard, and whose they are."""

    rows: Path
    """A .npy file, (R, D)."""
    ids: tuple[str, ...]
    """The ids of the R items."""
    numbers_R: IntArray
    """Their numbers in the whole listing, (R,)."""
    modality: tuple[str, ...]
    """The modality of each."""


class _Index(NamedTuple):
    keys_N: npt.NDArray[np.bytes_]
    """The keys of all items, ascending."""
    shard_N: IntArray
    row_N: IntArray
    """The row in its shard, -1 for an item that has none."""


@dataclass(frozen=True)
class Embeddings:
    """A folder of embeddings, whose every byte is held to its checksum when it is first read."""

    folder: Path
    manifest: Manifest

    @classmethod
    def open(cls, folder: Path) -> "Embeddings":
        """The embeddings of a folder; a `DataError` where they are not complete, or damaged."""
        return cls(folder, read_manifest(folder))

    def shards(self) -> Iterator[StoredRows]:
        """All shards that have rows.

        Raises:
            DataError: a file is not as it was written.
        """
        for number, (head, lines) in enumerate(self._lists()):
            kept = [(head.first + n, line) for n, line in enumerate(lines) if not line.absent]
            if kept:
                yield StoredRows(
                    self._checked(number, head),
                    tuple(line.id for _, line in kept),
                    np.asarray([place for place, _ in kept], np.int64),
                    tuple(sys.intern(line.modality) for _, line in kept),
                )

    def absent(self) -> Iterator[Line]:
        """The items that have no row, and why."""
        for _, lines in self._lists():
            yield from (line for line in lines if line.absent)

    def has(self, contents: Sequence[Content]) -> npt.NDArray[np.int8]:
        """What there is of items: 1 for a row, 0 for one that is listed without, -1 for none, (N,).

        Args:
            contents: the parts of N items.
        """
        place_N = self._places(contents)
        found_N = np.sign(self._index.row_N[place_N] + 1).astype(np.int8)
        return np.where(place_N < 0, np.int8(-1), found_N)

    def rows(self, contents: Sequence[Content]) -> FloatArray:
        """Unit rows (N, D) float32 of items.

        Args:
            contents: the parts of N items.

        Raises:
            DataError: one has no row.
        """
        place_N = self._places(contents)
        if not np.all(has := (place_N >= 0) & (self._index.row_N[place_N] >= 0)):
            lost = dict(contents[int(np.argmin(has))])
            raise DataError(f"{self.folder} has no row of {lost}")
        found_ND = np.empty((len(contents), self.manifest.width), np.float32)
        shard_N, row_N = self._index.shard_N[place_N], self._index.row_N[place_N]
        for number in np.unique(shard_N).tolist():
            here_N = shard_N == number
            head = self._head(number)
            stored_RD = np.load(self._checked(number, head), mmap_mode="r", allow_pickle=False)
            found_ND[here_N] = stored_RD[row_N[here_N]]
        if self.manifest.maker.dtype == "float16":  # rounding has changed the norms
            found_ND /= np.linalg.norm(found_ND, axis=1, keepdims=True)
        return found_ND

    def _places(self, contents: Sequence[Content]) -> IntArray:
        """The places in the index, (N,); -1 for an item that was not embedded."""
        keys_N = np.asarray([bytes.fromhex(key_of(content)) for content in contents], _KEY)
        known_N = self._index.keys_N
        place_N = np.minimum(np.searchsorted(known_N, keys_N), len(known_N) - 1)
        return np.where(known_N[place_N] == keys_N, place_N, -1)

    @cached_property
    def _index(self) -> _Index:
        keys: list[bytes] = []
        shards: list[IntArray] = []
        rows: list[IntArray] = []
        for number, (_, lines) in enumerate(self._lists()):
            keys += [bytes.fromhex(line.key) for line in lines]
            has_N = np.asarray([not line.absent for line in lines], bool)
            rows.append(np.where(has_N, np.cumsum(has_N) - 1, -1))
            shards.append(np.full(len(lines), number))
        keys_N, row_N = np.asarray(keys, _KEY), np.concatenate(rows)
        # Of equal contents one that has a row is found: it stands first.
        order_N = np.lexsort((-np.sign(row_N), keys_N))
        return _Index(keys_N[order_N], np.concatenate(shards)[order_N], row_N[order_N])

    def _lists(self) -> Iterator[tuple[Head, list[Line]]]:
        for number in range(len(self.manifest.shards)):
            head = self._head(number)
            yield head, lines_of(list_path(self.folder, number), head)

    def _head(self, number: int) -> Head:
        path = list_path(self.folder, number)
        head = head_of(path)
        if head is None or not self.manifest.holds(number, head):
            raise DataError(f"{path} is not that of the manifest; run the same `gcl embed` again")
        return head

    def _checked(self, number: int, head: Head) -> Path:
        path = rows_path(self.folder, number)
        if number not in self._fitting:
            if not rows_fit(path, head):
                raise DataError(
                    f"{path}: missing, or not as it was written; run the same `gcl embed` again"
                )
            self._fitting.add(number)
        return path

    @cached_property
    def _fitting(self) -> set[int]:
        """The shards whose rows were held to their checksums."""
        return set()
