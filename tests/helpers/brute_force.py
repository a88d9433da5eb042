"""Exact search by sorting all scores: what `gcl_spec.search.top_k` must give."""

import numpy as np

from gcl_spec.search import TopK


def brute_force(queries_QD, candidates_CD, k: int, ids_C=None) -> TopK:
    """By NumPy's own float64 product: exact for small integers, without ties for random numbers."""
    ids_C = np.arange(len(candidates_CD)) if ids_C is None else np.asarray(ids_C)
    scores_QC = np.asarray(queries_QD, float) @ np.asarray(candidates_CD, float).T
    order = np.lexsort((np.broadcast_to(ids_C, scores_QC.shape), -scores_QC), axis=-1)[:, :k]
    scores_QK = np.take_along_axis(scores_QC, order, axis=1)
    last = scores_QK[:, -1:]
    cut_Q = (scores_QC == last).sum(axis=1) - (scores_QK == last).sum(axis=1)
    return TopK(ids_C[order], scores_QK, cut_Q)


def assert_same(found: TopK, wanted: TopK) -> None:
    assert np.array_equal(found.ids_QK, wanted.ids_QK)
    assert np.array_equal(found.cut_Q, wanted.cut_Q)
    assert np.allclose(found.scores_QK, wanted.scores_QK, rtol=1e-12, atol=1e-13)
