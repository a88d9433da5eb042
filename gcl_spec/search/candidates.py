"""Scores the candidates of a chunk that may be among the best, and offers them.

Few pass the framework's product, and each is scored by itself. Where many do (nothing is known
yet, rows are alike, or their norms differ by much), a float64 product, whose error is 2^29 times
smaller, leaves out most of them, and equal rows are scored once. Memory is bounded by the size of a
piece.
"""

from typing import NamedTuple

import numpy as np

from gcl_spec._typing import AnyArray, FloatArray, IntArray
from gcl_spec.search.best import Best
from gcl_spec.search.bounds import block_errors
from gcl_spec.search.pair_scores import pair_scores

__all__ = ["Pairs", "offer_all", "offer_places"]

_FEW = 4096
_SHARE = 32


class Pairs(NamedTuple):
    """All queries of a block with all rows of a chunk."""

    queries_QD: FloatArray
    """Shape (Q, D)."""
    norms_Q: FloatArray
    """Upper bounds of the norms of the queries, (Q,)."""
    rows_CD: FloatArray
    """Shape (C, D)."""
    norm: float
    """An upper bound of the norms of the rows."""
    ids_C: IntArray
    """Shape (C,)."""


def offer_places(best: Best, places: IntArray, pairs: Pairs, piece: int) -> None:
    """Offer the pairs at these places of the (Q, C) product of queries and rows.

    Args:
        best: the results of these queries.
        places: numbers q * C + c, (N,).
        pairs: the queries and the rows.
        piece: the pairs that may be looked at together, where they are many.
    """
    rows = len(pairs.rows_CD)
    if len(places) > max(_FEW, len(pairs.queries_QD) * rows // _SHARE):
        offer_all(best, pairs, piece)
    elif len(places):
        query_N, row_N = np.divmod(places, rows)
        score_N = pair_scores(pairs.queries_QD, pairs.rows_CD, query_N, row_N)
        best.offer(query_N, score_N, pairs.ids_C[row_N])


def offer_all(best: Best, pairs: Pairs, piece: int) -> None:
    """Offer every pair that a float64 product does not leave out (arguments: `offer_places`)."""
    size = max(1, piece // len(pairs.queries_QD))
    error_Q = block_errors(pairs.norms_Q, pairs.norm, pairs.queries_QD.shape[1])
    queries_QD = pairs.queries_QD.astype(np.float64, copy=False)
    for start in range(0, len(pairs.rows_CD), size):
        rows_CD = pairs.rows_CD[start : start + size].astype(np.float64, copy=False)
        places = _near_best(queries_QD @ rows_CD.T, best, error_Q)
        if len(places):
            query_N, row_N = np.divmod(places, len(rows_CD))
            score_N = _scores(queries_QD, rows_CD, query_N, row_N)
            best.offer(query_N, score_N, pairs.ids_C[start + row_N])


def _near_best(block_QC: FloatArray, best: Best, error_Q: FloatArray) -> IntArray:
    """The places whose score may be among the K best of these candidates and the earlier ones.

    K candidates of the block have at least its K-th value less the error; so has the K-th score.
    """
    k, columns = best.ids_QK.shape[1], block_QC.shape[1]
    floor_Q = best.floor
    if columns >= k:
        kth_Q = np.partition(block_QC, columns - k, axis=1)[:, columns - k]
        floor_Q = np.maximum(floor_Q, kth_Q - error_Q)
    return np.flatnonzero(block_QC >= (floor_Q - error_Q)[:, None])


def _scores(
    queries_QD: FloatArray, rows_CD: FloatArray, query_N: IntArray, row_N: IntArray
) -> FloatArray:
    """The scores of pairs, (N,); where pairs are many, equal rows are scored once."""
    if len(query_N) <= len(rows_CD):
        return pair_scores(queries_QD, rows_CD, query_N, row_N)
    first, same_C = _distinct(rows_CD)
    wanted = np.zeros((len(queries_QD), len(first)), bool)
    wanted[query_N, same_C[row_N]] = True
    query_M, row_M = np.nonzero(wanted)
    table = np.empty(wanted.shape)
    table[query_M, row_M] = pair_scores(queries_QD, rows_CD, query_M, first[row_M])
    return np.asarray(table[query_N, same_C[row_N]])


def _distinct(rows_CD: AnyArray) -> tuple[IntArray, IntArray]:
    """One row of every kind, and the kind of each row, (kinds,) and (C,), by their bytes."""
    rows = np.ascontiguousarray(rows_CD)
    whole = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel()
    _, first, kind_C = np.unique(whole, return_index=True, return_inverse=True)
    return first, kind_C.ravel()
