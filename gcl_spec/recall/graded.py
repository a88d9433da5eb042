"""nDCG of candidates with grades, from the rankings of those of each grade or higher.

A gain is the sum of the steps between grades that it reaches. So the discounted gains of a ranking
are the sum, over the grades, of the step to that grade times the discounts of all candidates that
have it; the mean over the orders of a tie, and both ends of the band, are such sums too.
"""

from itertools import pairwise
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.errors import InputError
from gcl_spec.recall.chosen import Chosen, is_matrix, on_host, pairs_of, without
from gcl_spec.recall.ranking import Band, checked_k, widest
from gcl_spec.recall.whole import rank

__all__ = ["graded_ndcg"]


def graded_ndcg(
    scores_QC: Array,
    pairs: Chosen,
    gains_P: Any,
    k: int,
    *,
    left_out: Chosen | None = None,
    xp: ArrayNamespace | None = None,
) -> Band:
    """nDCG@k, the sum of gain / log2(rank + 1) by its largest value, on the scores' device.

    The source is Järvelin and Kekäläinen (2002), as trec_eval computes it: gains are linear; give
    2 ** grade - 1 for the exponential ones.

    Args:
        scores_QC: each query's score with each candidate, (Q, C), as for `rank`.
        pairs: the judged pairs (query, candidate), (P, 2) integers on the host, none twice.
        gains_P: the gain of each pair, (P,); what is not above 0 is not relevant.
        k: the last rank that counts.
        left_out: candidates that do not compete for a query, pairs (P, 2) or booleans (Q, C); a
            relevant candidate is never left out.
        xp: the Array API namespace; found from the scores when not given.

    Returns:
        A band of (Q,) values, NaN for a query without a relevant candidate.

    Raises:
        InputError: shapes that do not fit, a pair twice, gains that are not finite, k below 1.

    >>> graded_ndcg(np.asarray([[0.5, 0.9, 0.1]]), [(0, 0), (0, 1)], [2.0, 1.0], 1).expected
    array([0.5])
    """
    xp = array_namespace(scores_QC) if xp is None else xp
    queries, candidates = scores_QC.shape
    pairs_P2 = pairs_of(pairs, queries, candidates, "pairs", as_given=True)
    gains = np.asarray(gains_P, np.float64)
    if pairs_P2 is None or gains.shape != (len(pairs_P2),) or not np.all(np.isfinite(gains)):
        raise InputError("wanted pairs (P, 2) on the host, and a finite gain for each, (P,)")
    if len(np.unique(pairs_P2, axis=0)) != len(pairs_P2):
        raise InputError("a pair (query, candidate) stands twice; its gain is not clear")
    discounts = 1 / np.log2(np.arange(2, min(checked_k(k), candidates) + 2))
    ideals = np.concatenate([[0.0], np.cumsum(discounts)])
    spared = _but(left_out, pairs_P2[gains > 0], xp)
    found, whole_Q = [], np.zeros(queries)
    for below, level in pairwise([0.0, *np.unique(gains[gains > 0]).tolist()]):
        here_P2 = pairs_P2[gains >= level]
        counts_Q = np.bincount(here_P2[:, 0], minlength=queries)
        weight_Q = (level - below) * ideals[np.minimum(counts_Q, len(discounts))]
        ranking = rank(scores_QC, here_P2, left_out=spared, no_relevant="nan", xp=xp)
        found.append((weight_Q, ranking.ndcg(k)))
        whole_Q = whole_Q + weight_Q
    like = xp.zeros((queries,), dtype=widest(scores_QC, xp), device=device(scores_QC))
    with np.errstate(invalid="ignore"):
        shares = [(weight_Q / whole_Q, band) for weight_Q, band in found]
    if not shares:
        return Band(*(like + xp.nan for _ in range(3)))

    def end(number: int) -> Array:
        total = like
        for share_Q, band in shares:
            there_Q = xp.asarray(share_Q, dtype=like.dtype, device=device(like))
            # A query has nothing of a grade, or nothing at all, where the weight is 0 or NaN.
            total = total + xp.where(there_Q == 0, 0.0, there_Q * band[number])
        return total

    return Band(end(0), end(1), end(2))


def _but(left_out: Chosen | None, pairs_P2: Any, xp: ArrayNamespace) -> Chosen | None:
    """What is left out, without the pairs (P, 2): at a higher grade these are not relevant."""
    if left_out is None:
        return None
    if is_matrix(left_out, xp):
        found_QC = np.array(on_host(left_out))
        found_QC[tuple(pairs_P2.T)] = False
        return found_QC
    given_P2 = np.asarray(on_host(left_out), np.int64).reshape(-1, 2)
    kept: Chosen = without(given_P2, pairs_P2)
    return kept
