"""Rows that `gcl embed` has stored, in shards for a search or by the content of items."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gcl_spec._files.reading import reason
from gcl_spec._typing import FloatArray, IntArray
from gcl_spec.embed.entry import Content, key_of
from gcl_spec.embed.manifest import Manifest, read_manifest
from gcl_spec.embed.shards import Head, Line, head_of, lines_of, list_path, rows_fit, rows_path
from gcl_spec.errors import DataError

__all__ = ["Embeddings", "PoolRows", "StoredRows"]

_KEY = np.dtype("S16")
_NUMBER = np.dtype(np.int32)


class StoredRows(NamedTuple):
    """The rows of a shard, and whose they are."""

    rows: Path
    """A .npy file, (R, D)."""
    ids: tuple[str, ...]
    """The ids of the R items."""
    numbers_R: IntArray
    """The numbers (R,) of the items in the whole listing."""
    modality: tuple[str, ...]
    """The modality of each item."""
    role: tuple[str, ...]
    """The role in which each item was embedded, "query" or "candidate"; "" for both."""


class _Index(NamedTuple):
    """Where the row of each item is, 24 bytes an item."""

    keys_N: npt.NDArray[np.bytes_]
    """The keys of all items, ascending."""
    shard_N: npt.NDArray[np.int32]
    row_N: npt.NDArray[np.int32]
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
                    self._checked(number),
                    tuple(line.id for _, line in kept),
                    np.asarray([place for place, _ in kept], np.int64),
                    tuple(sys.intern(line.modality) for _, line in kept),
                    tuple(sys.intern(line.role) for _, line in kept),
                )

    def absent(self) -> Iterator[Line]:
        """The items that have no row, and why."""
        for _, lines in self._lists():
            yield from (line for line in lines if line.absent)

    def places(self, contents: Sequence[Content], role: str = "") -> npt.NDArray[np.int32]:
        """The places of items among all that were embedded, (N,); -1 for one that was not.

        Args:
            contents: the parts of N items.
            role: what they were embedded as, where rows are calibrated.
        """
        keys_N = np.asarray([bytes.fromhex(key_of(parts, role)) for parts in contents], _KEY)
        known_N = self._index.keys_N
        place_N = np.minimum(np.searchsorted(known_N, keys_N), len(known_N) - 1)
        return np.where(known_N[place_N] == keys_N, place_N, -1).astype(_NUMBER)

    def has_rows(self, place_N: IntArray) -> npt.NDArray[np.int8]:
        """What there is of the items at these places, (N,): 1 a row, 0 none, -1 no item."""
        found_N = np.sign(self._index.row_N[place_N] + 1).astype(np.int8)
        return np.where(place_N < 0, np.int8(-1), found_N)

    def read(self, place_N: IntArray) -> FloatArray:
        """The rows (N, D) float32 of the items at these places, (N,), which all have one.

        They are unit rows, unless a calibration has made them. Nothing stays in memory but what is
        returned.

        Raises:
            DataError: a file is not as it was written, or a row holds NaN or Inf.
        """
        found_ND = np.empty((len(place_N), self.manifest.width), np.float32)
        shard_N, row_N = self._index.shard_N[place_N], self._index.row_N[place_N]
        order_N = np.argsort(shard_N, kind="stable")
        numbers, starts = np.unique(shard_N[order_N], return_index=True)
        bounds = [*starts.tolist(), len(order_N)]
        for number, start, stop in zip(numbers.tolist(), bounds[:-1], bounds[1:], strict=True):
            here_N, path = order_N[start:stop], self._checked(number)
            rows_ND = _mapped(path)[row_N[here_N]]
            if not np.isfinite(rows_ND).all():
                raise DataError(
                    f"{path} holds NaN or Inf; look at the model, then embed into another folder"
                )
            found_ND[here_N] = rows_ND
        if self.manifest.maker.dtype == "float16":  # rounding has changed the norms
            found_ND /= np.linalg.norm(found_ND, axis=1, keepdims=True)
        return found_ND

    @cached_property
    def _index(self) -> _Index:
        count, start = self.manifest.items, 0
        keys_N = np.empty(count, _KEY)
        shard_N, row_N = np.empty(count, _NUMBER), np.empty(count, _NUMBER)
        for number, (_, lines) in enumerate(self._lists()):
            here = slice(start, start + len(lines))
            keys_N[here] = [bytes.fromhex(line.key) for line in lines]
            has_N = np.asarray([not line.absent for line in lines], bool)
            shard_N[here], row_N[here] = number, np.where(has_N, np.cumsum(has_N) - 1, -1)
            start = here.stop
        # Among items of equal content those with a row come first, so that a search meets one.
        order_N = np.lexsort((-np.sign(row_N).astype(np.int8), keys_N)).astype(_NUMBER)
        return _Index(keys_N[order_N], shard_N[order_N], row_N[order_N])

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

    def _checked(self, number: int) -> Path:
        path = rows_path(self.folder, number)
        if number not in self._fitting:
            if not rows_fit(path, self._head(number)):
                raise DataError(
                    f"{path}: missing, or not as it was written; run the same `gcl embed` again"
                )
            self._fitting.add(number)
        return path

    @cached_property
    def _fitting(self) -> set[int]:
        """The shards whose rows were held to their checksums."""
        return set()


def _mapped(path: Path) -> FloatArray:
    """The rows (R, D) of a file, mapped anew: what stays mapped is an open file, and memory."""
    try:
        rows_RD: FloatArray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: it was changed while it was read ({reason(error)}); run the same `gcl embed` "
            "again"
        ) from error
    return rows_RD


class PoolRows:
    """The rows of C items, which are read from their files when they are asked for.

    Args:
        embeddings: where they are stored.
        place_C: the place of each item (`Embeddings.places`), (C,).
    """

    def __init__(self, embeddings: Embeddings, place_C: npt.NDArray[np.int32]) -> None:
        self._embeddings, self._place_C = embeddings, place_C

    @property
    def shape(self) -> tuple[int, int]:
        """The number of rows, and their width."""
        return len(self._place_C), self._embeddings.manifest.width

    def __len__(self) -> int:
        return len(self._place_C)

    def __getitem__(self, part: slice | IntArray, /) -> FloatArray:
        """The rows (N, D) float32 of a slice, or of N items by their numbers, shape (N,)."""
        return self._embeddings.read(self._place_C[part])
