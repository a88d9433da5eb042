"""The rows of the highest inner product with one query, exactly."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from gcl_spec._typing import AnyArray, BoolArray, FloatArray, IntArray
from gcl_spec.search.bounds import FLOAT32, gamma
from gcl_spec.search.pair_scores import pair_scores

__all__ = ["IN_FULL", "Best", "best_of", "best_rows", "in_full", "largest_norm"]

_CHUNK = 65_536
_SLACK = 1 + 2.0**-20


IN_FULL = 64
"""The rows that are scored in full, of those whose codes are best, for few hits."""


def in_full(k: int) -> int:
    """How many rows are scored in full for `k` hits: `IN_FULL` for up to a fourth of it, else 4 k.

    >>> in_full(10), in_full(100)
    (64, 400)
    """
    return max(IN_FULL, 4 * k)


class Best(NamedTuple):
    """The K best rows of one query, best first."""

    place_K: IntArray
    score_K: FloatArray


def largest_norm(rows_CD: AnyArray) -> float:
    """An upper bound of the norms of rows (C, D)."""
    parts = range(0, len(rows_CD), _CHUNK)
    squared = [
        np.einsum("cd,cd->c", x, x).max()
        for x in (rows_CD[n : n + _CHUNK].astype(np.float32, copy=False) for n in parts)
    ]
    width = rows_CD.shape[1] if len(rows_CD) else 0
    return float(np.sqrt(max(squared, default=0.0))) * (1 + gamma(width + 2, FLOAT32))


def best_rows(
    query_D: FloatArray,
    rows_CD: AnyArray,
    k: int,
    *,
    norm: float,
    keep_C: BoolArray | None = None,
    ids: Callable[[IntArray], Sequence[str]] | None = None,
) -> Best:
    """The `k` rows with the highest inner product in float64 with a query.

    A float32 product is at most e from the score (`gcl_spec.search.bounds`). At least k rows have a
    product of p, the k-th largest, or more, so scores of p - e or more; a row whose product is
    below p - 2 e has a lower score than all of these. The others are scored in full.

    Args:
        query_D: the query, (D,) float32.
        rows_CD: rows (C, D), float32 or float16.
        k: how many are wanted.
        norm: the largest norm of the rows, or more.
        keep_C: which rows are searched, (C,); None: all.
        ids: gives the ids of rows by their places, (N,): of equal scores the lower id comes first.
            None: the rows lie in the order of their ids.
    """
    product_C = np.empty(len(rows_CD), np.float32)
    for start in range(0, len(rows_CD), _CHUNK):
        part = slice(start, start + _CHUNK)
        product_C[part] = rows_CD[part].astype(np.float32, copy=False) @ query_D
    error = _SLACK * gamma(len(query_D) + 2, FLOAT32) * float(np.linalg.norm(query_D)) * norm

    def score(place_N: IntArray) -> FloatArray:
        zero_N = np.zeros(len(place_N), np.int64)
        return pair_scores(query_D[None], rows_CD[place_N], zero_N, np.arange(len(place_N)))

    return best_of(product_C, error, k, score, keep_C=keep_C, ids=ids)


def best_of(
    product_C: FloatArray,
    error: float,
    k: int,
    score: Callable[[IntArray], FloatArray],
    *,
    keep_C: BoolArray | None = None,
    ids: Callable[[IntArray], Sequence[str]] | None = None,
    ties: bool = False,
) -> Best:
    """The `k` rows with the highest scores, of which only those that may be among them are scored.

    Args:
        product_C: what is at most `error` from each row's score, (C,); it is overwritten.
        error: so far at most.
        k: how many are wanted.
        score: gives the scores (N,) of rows by their places, (N,).
        keep_C: which rows are searched, (C,); None: all.
        ids: gives the ids of rows by their places, (N,): of equal scores the lower id comes first.
            None: the rows lie in the order of their ids.
        ties: give also the others whose score is that of the last one.
    """
    count = len(product_C) if keep_C is None else int(np.count_nonzero(keep_C))
    if keep_C is not None:
        product_C[~keep_C] = -np.inf
    k = min(k, count)
    if not k:
        return Best(np.zeros(0, np.int64), np.zeros(0))
    least = float(np.partition(product_C, -k)[-k]) - 2 * error - 1e-30
    near_N = np.flatnonzero(product_C >= least)
    score_N = score(near_N)
    rank_N = near_N if ids is None else _ranks(ids(near_N))
    order_N = np.lexsort((rank_N, -score_N))
    many = int(np.count_nonzero(score_N >= score_N[order_N[k - 1]])) if ties else k
    return Best(near_N[order_N[:many]], score_N[order_N[:many]])


def _ranks(names: Sequence[str]) -> IntArray:
    """The place of each of N names among the sorted ones, (N,)."""
    rank_N = np.empty(len(names), np.int64)
    rank_N[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    return rank_N
