"""How queries are scored with a pool of candidates: what a ranking asks for."""

from collections.abc import Iterator
from typing import Protocol, TypeAlias

import numpy as np

from gcl_spec._typing import BoolArray, FloatArray, IntArray
from gcl_spec.search.exact import LazyRows, score_chunks
from gcl_spec.search.pair_scores import pair_scores

__all__ = ["InnerProducts", "PairsAndChunks", "Scores"]

_PAIRS = 16_384
"""The pairs whose candidates' rows are read at once."""

PairsAndChunks: TypeAlias = tuple[FloatArray, Iterator[tuple[slice, FloatArray]]]
"""The scores (P,) of pairs, and those of all candidates, (Q, candidates of a slice), by slice."""


class Scores(Protocol):
    """The scores of queries with all candidates, higher for better ones, about 1 in size."""

    @property
    def whole(self) -> bool:
        """Whether all scores of a query are held at once, so that few queries are asked for."""

    def __len__(self) -> int:
        """The number of candidates."""

    def of(self, part: slice, pairs_P2: IntArray, left_out: IntArray | BoolArray) -> PairsAndChunks:
        """The scores of a slice of the queries, in float64; the caller may overwrite them.

        Args:
            part: which queries; in pairs they are counted from 0.
            pairs_P2: pairs (query, candidate) whose scores are wanted first, (P, 2).
            left_out: what does not compete, pairs (L, 2) or booleans (Q, C); its scores are not
                looked at.
        """


class InnerProducts:
    """Inner products in float64: in float32, equal candidates differ by their place in the product.

    Args:
        queries_QD: shape (Q, D).
        candidates_CD: shape (C, D).
    """

    whole = False

    def __init__(self, queries_QD: FloatArray, candidates_CD: FloatArray | LazyRows) -> None:
        self._queries_QD, self._candidates_CD = queries_QD, candidates_CD

    def __len__(self) -> int:
        """The number of candidates."""
        return len(self._candidates_CD)

    def of(self, part: slice, pairs_P2: IntArray, left_out: IntArray | BoolArray) -> PairsAndChunks:
        """The scores of a slice of the queries, in float64; the caller may overwrite them.

        The arguments, such as `pairs_P2`, (P, 2), and `left_out`, (Q, C), are those of `Scores.of`.

        Raises:
            InputError: queries and candidates have different widths.
        """
        queries_QD = self._queries_QD[part]
        chunks = score_chunks(queries_QD, self._candidates_CD)
        return _scores_of(pairs_P2, queries_QD, self._candidates_CD), chunks


def _scores_of(
    pairs_P2: IntArray, queries_QD: FloatArray, candidates_CD: FloatArray | LazyRows
) -> FloatArray:
    """The scores (P,) of pairs; each candidate of a few thousand pairs is read once."""
    if isinstance(candidates_CD, np.ndarray):
        return pair_scores(queries_QD, candidates_CD, *pairs_P2.T)
    scores_P = np.empty(len(pairs_P2))
    for start in range(0, len(pairs_P2), _PAIRS):
        part = slice(start, start + _PAIRS)
        numbers, row_N = np.unique(pairs_P2[part, 1], return_inverse=True)
        scores_P[part] = pair_scores(queries_QD, candidates_CD[numbers], pairs_P2[part, 0], row_N)
    return scores_P
