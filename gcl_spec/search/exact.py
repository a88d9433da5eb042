"""All scores of queries with candidates, a chunk of candidates at a time."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from gcl_spec._typing import FloatArray, IntArray
from gcl_spec.errors import InputError

__all__ = ["LazyRows", "candidate_slices", "score_chunks"]

_CHUNK_BYTES = 64 * 2**20


class LazyRows(Protocol):
    """Rows (C, D) that are read from files when they are asked for."""

    @property
    def shape(self) -> tuple[int, int]:
        """The number of rows, and their width."""

    def __len__(self) -> int:
        """The number of rows."""

    def __getitem__(self, part: slice | IntArray, /) -> FloatArray:
        """The rows (N, D) of a slice, or of these numbers, shape (N,)."""


def score_chunks(
    queries_QD: FloatArray, candidates_CD: FloatArray | LazyRows
) -> Iterator[tuple[slice, FloatArray]]:
    """The scores of all queries with all candidates in float64, in chunks of at most 64 MB.

    Args:
        queries_QD, candidates_CD: rows of the same width, (Q, D) and (C, D), of which only the
            candidates of a chunk are held in float64.

    Returns:
        For each chunk a slice of the candidates, and all queries' scores with them, shape (Q,
        candidates of the slice).

    Raises:
        InputError: the rows have different widths.
    """
    if queries_QD.shape[1] != candidates_CD.shape[1]:
        raise InputError(
            f"queries are {queries_QD.shape[1]} wide, candidates {candidates_CD.shape[1]}"
        )
    wide_QD = queries_QD.astype(np.float64)
    parts = candidate_slices(len(candidates_CD), *queries_QD.shape)
    return ((part, wide_QD @ candidates_CD[part].astype(np.float64).T) for part in parts)


def candidate_slices(candidates: int, queries: int, width: int) -> Iterator[slice]:
    """Slices of candidates of which neither rows in float64 nor scores take more than 64 MB.

    Args:
        candidates, queries: their numbers.
        width: the numbers of a row.
    """
    size = max(1, _CHUNK_BYTES // (8 * max(1, queries, width)))
    return (slice(start, start + size) for start in range(0, candidates, size))
