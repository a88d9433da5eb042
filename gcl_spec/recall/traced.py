"""Ranks candidates in code that JAX compiles, where no shape may follow from values.

How many relevant candidates a query has is a value, so there is a place for each candidate. A sort
finds the ties; it takes fewer operations to compile than counting.
"""

from math import inf

from array_api_compat import device

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.recall.ranking import Ranking, best_first, widest
from gcl_spec.recall.screen import wrong_gains

__all__ = ["traced_ranking"]


def traced_ranking(
    scores_QC: Array,
    relevant_QC: Array,
    spared_QC: Array,
    xp: ArrayNamespace,
    gains_QC: Array | None = None,
) -> Ranking:
    """The ranking, with places for C relevant candidates of every query.

    Args:
        scores_QC: shape (Q, C).
        relevant_QC: booleans, (Q, C).
        spared_QC: booleans, (Q, C): candidates that do not compete, unless they are relevant.
        xp: the Array API namespace.
        gains_QC: the gains of the relevant candidates, (Q, C); 1 when not given.
    """
    candidates = scores_QC.shape[1]
    spared_QC = spared_QC & ~relevant_QC
    scores_QC = xp.where(spared_QC, -inf, scores_QC)
    wrong_Q = xp.any(~(xp.isfinite(scores_QC) | spared_QC), axis=1)
    scores_QC = xp.where(xp.isfinite(scores_QC), scores_QC, -inf)
    if gains_QC is not None:
        wrong_QC, gains_QC = wrong_gains(gains_QC, relevant_QC, xp)
        wrong_Q = wrong_Q | xp.any(wrong_QC, axis=1)
    order_QC = best_first(scores_QC, gains_QC, xp)
    sorted_QC = xp.take_along_axis(scores_QC, order_QC, axis=1)
    valid_QC = xp.take_along_axis(relevant_QC, order_QC, axis=1)
    start_QC, stop_QC = _tie_bounds(sorted_QC, order_QC, xp)
    before = xp.cumulative_sum(xp.astype(valid_QC, order_QC.dtype), axis=1, include_initial=True)
    ahead_QC = xp.take_along_axis(before, start_QC, axis=1)
    ones_QC = xp.ones_like(valid_QC, dtype=widest(scores_QC, xp))
    return Ranking(
        ahead_QR=start_QC,
        size_QR=stop_QC - start_QC,
        relevant_ahead_QR=ahead_QC,
        relevant_QR=xp.take_along_axis(before, stop_QC, axis=1) - ahead_QC,
        gains_QR=ones_QC if gains_QC is None else xp.take_along_axis(gains_QC, order_QC, axis=1),
        valid_QR=valid_QC,
        known_Q=xp.any(relevant_QC, axis=1) & ~wrong_Q,
        candidates=candidates,
        xp=xp,
    )


def _tie_bounds(sorted_QC: Array, order_QC: Array, xp: ArrayNamespace) -> tuple[Array, Array]:
    """Where the tie of each sorted score begins, and the place behind its end, (Q, C) each.

    The places are integers of the dtype of `order_QC`, (Q, C).
    """
    candidates = sorted_QC.shape[1]
    place_C = xp.arange(candidates, dtype=order_QC.dtype, device=device(order_QC))
    zero_Q1 = xp.zeros_like(order_QC[:, :1])
    new_QC = xp.concat([zero_Q1 == 0, sorted_QC[:, 1:] != sorted_QC[:, :-1]], axis=1)
    # Each query's ties begin at these places, in order; the rest of its row is filled up with C.
    starts_QC = xp.sort(xp.where(new_QC, place_C[None, :], candidates), axis=1)
    bounds = xp.concat([starts_QC, zero_Q1 + candidates], axis=1)
    tie_QC = xp.cumulative_sum(xp.astype(new_QC, order_QC.dtype), axis=1) - 1
    start_QC = xp.take_along_axis(bounds, tie_QC, axis=1)
    return start_QC, xp.take_along_axis(bounds, tie_QC + 1, axis=1)
