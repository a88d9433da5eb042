"""Pools of candidates of several modalities: what is found, and which modalities stand first."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from array_api_compat import array_namespace, device

from gcl_spec._typing import Array, IntArray
from gcl_spec.errors import InputError
from gcl_spec.recall import Band, rank

__all__ = ["hits", "measured", "top_shares"]

Places: TypeAlias = IntArray | Sequence[tuple[int, int, int]]
"""Candidates of queries: triples (pool, query, candidate), (T, 3)."""


def measured(
    scores_PQC: Array,
    kinds_PC: IntArray,
    count: int,
    relevant: Places,
    left_out: Places = (),
    *,
    k: int,
) -> tuple[Band, Array]:
    """hit@k of every query in P pools, and the share of each modality among its first k candidates.

    Args:
        scores_PQC: each query's score with each candidate of a pool, (P, Q, C), of any library.
        kinds_PC: the number of each candidate's modality, (P, C), on the host.
        count: M, how many modalities there are.
        relevant: triples (pool, query, candidate), (T, 3); a query without any in a pool has NaN
            for its hit there.
        left_out: triples of candidates that do not compete for a query, (L, 3).
        k: the last rank that counts.

    Returns:
        The band of hits, (P, Q) each, and the shares, (P, Q, M), which sum to 1; where candidates
        are tied, these are means over all orders of the tie.
    """
    band = hits(scores_PQC, relevant, left_out, k=k)
    if len(left_out):
        xp, out = array_namespace(scores_PQC), np.zeros(tuple(scores_PQC.shape), np.bool_)
        out[tuple(np.asarray(left_out).T)] = True
        out_PQC = xp.asarray(out, device=device(scores_PQC))
        scores_PQC = xp.where(out_PQC, -xp.inf, scores_PQC)
    return band, top_shares(scores_PQC, kinds_PC, count, k)


def hits(scores_PQC: Array, relevant: Places, left_out: Places = (), *, k: int) -> Band:
    """The hit@k of `measured` alone, which takes a fraction of its time.

    Args:
        scores_PQC: each query's score with each candidate of a pool, (P, Q, C), of any library.
        relevant, left_out, k: as those of `measured`.

    Returns:
        The band of hits, (P, Q) each.
    """
    xp = array_namespace(scores_PQC)
    pools, queries, _ = scores_PQC.shape
    relevant_P2, left_out_P2 = _pairs(relevant, queries), _pairs(left_out, queries)
    flat_QC = xp.reshape(scores_PQC, (pools * queries, -1))
    hit = rank(flat_QC, relevant_P2, left_out=left_out_P2, no_relevant="nan").hit(k)
    return Band(*(xp.reshape(x, (pools, queries)) for x in hit))


def top_shares(scores_PQC: Array, kinds_PC: IntArray, count: int, k: int) -> Array:
    """The share of each modality among the first k candidates of every query in P pools.

    It is the expected value over the orders of tied candidates: of those that share the k-th score
    each has the same chance of the places that are left.

    Args:
        scores_PQC: shape (P, Q, C), of any library; -inf for what does not compete.
        kinds_PC: the number of each candidate's modality, (P, C), on the host.
        count: M, how many modalities there are.
        k: the last rank that counts.

    Returns:
        Shape (P, Q, M).

    Raises:
        InputError: there are fewer than k candidates.
    """
    xp = array_namespace(scores_PQC)
    if scores_PQC.shape[2] < k:
        raise InputError(f"{scores_PQC.shape[2]} candidates; the first {k} cannot be counted")
    least_PQ1 = xp.sort(scores_PQC, axis=2)[:, :, -k][:, :, None]
    above_PQC = xp.astype(scores_PQC > least_PQ1, scores_PQC.dtype)
    tied_PQC = xp.astype(scores_PQC == least_PQ1, scores_PQC.dtype)
    places_PQ1 = k - xp.sum(above_PQC, axis=2, keepdims=True)
    in_top_PQC = above_PQC + tied_PQC * (places_PQ1 / xp.sum(tied_PQC, axis=2, keepdims=True))
    own_PCM = xp.asarray(kinds_PC[..., None] == np.arange(count), device=device(scores_PQC))
    return in_top_PQC @ xp.astype(own_PCM, scores_PQC.dtype) / k


def _pairs(places: Places, queries: int) -> IntArray:
    """The pairs (query, candidate), (T, 2), where the queries of all pools stand one after another.

    Args:
        places: triples (pool, query, candidate), (T, 3).
        queries: how many each pool has.
    """
    places_T3 = np.reshape(np.asarray(places, np.int64), (-1, 3))
    return np.stack([places_T3[:, 0] * queries + places_T3[:, 1], places_T3[:, 2]], axis=1)
