"""Ranks the candidates of queries by a whole matrix of scores."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from gcl_spec._typing import Array, ArrayNamespace, IntArray
from gcl_spec.errors import InputError, InputTypeError
from gcl_spec.recall.chosen import (
    Chosen,
    NoRelevant,
    check_relevant,
    is_matrix,
    laid_out,
    layout,
    matrix_of_traced,
    on_host,
    pairs_of,
)
from gcl_spec.recall.counts import gathered
from gcl_spec.recall.ranking import Ranking, widest
from gcl_spec.recall.screen import check_scores, matrix_of
from gcl_spec.recall.tally import Tally
from gcl_spec.recall.traced import traced_ranking

__all__ = ["rank"]


def rank(
    scores_QC: Array,
    relevant: Chosen,
    *,
    gains: Array | Sequence[float] | None = None,
    left_out: Chosen | None = None,
    no_relevant: NoRelevant = "error",
    xp: ArrayNamespace | None = None,
) -> Ranking:
    """Where the relevant candidates of every query stand, on the device of the scores.

    Only the order of one query's scores matters, and which are equal. In a function that `jax.jit`
    compiles, values cannot be looked at: what would be an error is NaN in the metrics of that
    query. Booleans may be traced there; pairs are best constants, which leave less to compute.

    Args:
        scores_QC: each query's score with each candidate, (Q, C), real floating, finite.
        relevant: which candidates are relevant to which query: booleans (Q, C), or pairs (query,
            candidate), (P, 2) integers, counted from 0; a pair that stands twice counts once.
        gains: what nDCG counts for a relevant candidate, above 0: one for each score, (Q, C), of
            which those of relevant candidates are looked at, or one for each pair, (P,), none of
            which may then stand twice. It is 1 when not given; those of trec_eval are the grades.
        left_out: candidates that do not compete for a query, in either form; their scores may be
            anything. A relevant candidate is never left out.
        no_relevant: what a query without a relevant candidate is: an "error", or "nan" in all its
            metrics.
        xp: the Array API namespace; found from the scores when not given.

    Raises:
        InputError: shapes that do not fit, numbers out of range, NaN or Inf, a gain that is not
            above 0, a query without a relevant candidate.
        InputTypeError: scores that are not real floating, or pairs that are no integers.

    >>> rank(np.asarray([[0.5, 0.9, 0.5]]), [(0, 0)]).hit(2)  # 0.9 is first, the others are tied
    Band(pessimistic=array([0.]), expected=array([0.5]), optimistic=array([1.]))
    >>> rank(np.asarray([[0.5, 0.9]]), [(0, 0), (0, 1)], gains=[2.0, 1.0]).ndcg(1).expected
    array([0.5])
    """
    xp = array_namespace(scores_QC) if xp is None else xp
    check_scores(scores_QC, 2, "(Q, C)", xp)
    if scores_QC.shape[1] == 0:
        raise InputError(f"scores have shape {tuple(scores_QC.shape)}: there is no candidate")
    spared_QC, spared_P2 = _given(() if left_out is None else left_out, scores_QC, "left_out", xp)
    relevant_QC, given_P2 = _given(relevant, scores_QC, "relevant", xp)
    pairs_P2 = given_P2 if relevant_QC is None else _true_pairs(relevant_QC, xp)
    there = device(scores_QC)
    worth: Array | None = None
    if gains is not None:
        worth = xp.asarray(gains, dtype=widest(scores_QC, xp), device=there)
    if pairs_P2 is None:
        if spared_QC is None:
            spared_QC = xp.asarray(matrix_of(spared_P2, scores_QC.shape), device=there)
        if worth is not None and worth.shape != scores_QC.shape:
            raise InputTypeError("relevant is traced; give gains (Q, C)")
        return traced_ranking(scores_QC, relevant_QC, spared_QC, xp, worth)
    check_relevant(pairs_P2, scores_QC.shape[0], no_relevant)
    chosen = layout(pairs_P2, scores_QC.shape[0])
    here = chosen.on(xp, there)
    gains_QR = None
    if worth is not None and worth.shape == scores_QC.shape:
        gains_QR = gathered(worth, here, xp)
    elif worth is not None:
        gains_QR = laid_out(worth, _once(relevant, scores_QC, xp), chosen.valid_QR, "gains", xp)
    excluded_P2 = np.unique(np.concatenate([pairs_P2, spared_P2]), axis=0)
    references_QR = gathered(scores_QC, here, xp)
    tally = Tally(references_QR, here.valid_QR, excluded_P2, xp, gains_QR)
    tally.add(scores_QC, spared_QC)
    return tally.ranking()


_NO_PAIRS: IntArray = np.zeros((0, 2), np.int64)


def _given(
    chosen: Chosen, scores_QC: Array, name: str, xp: ArrayNamespace
) -> tuple[Array | None, IntArray]:
    """Booleans (Q, C) or None, and pairs (P, 2) on the host, none where there are booleans."""
    queries, candidates = scores_QC.shape
    given: Any = chosen
    if not is_matrix(given, xp):
        pairs_P2 = pairs_of(given, queries, candidates, name)
        if pairs_P2 is not None:
            return None, pairs_P2
        if name != "relevant":
            raise InputTypeError(f"{name} is traced; give booleans (Q, C), or constant pairs")
        return matrix_of_traced(given, queries, candidates, xp), _NO_PAIRS
    if tuple(given.shape) != (queries, candidates):
        raise InputError(
            f"{name} has shape {tuple(given.shape)}, scores have shape {(queries, candidates)}; "
            "booleans must have one for each score"
        )
    return xp.asarray(given, device=device(scores_QC)), _NO_PAIRS


def _once(relevant: Chosen, scores_QC: Array, xp: ArrayNamespace) -> IntArray:
    """The pairs (P, 2) as they were given, of which none may stand twice."""
    if is_matrix(relevant, xp):
        raise InputError("gains of booleans (Q, C) are wanted as (Q, C), too, one for each score")
    queries, candidates = scores_QC.shape
    pairs_P2 = pairs_of(relevant, queries, candidates, "relevant", as_given=True)
    assert pairs_P2 is not None
    if len(np.unique(pairs_P2, axis=0)) != len(pairs_P2):
        raise InputError("a pair of relevant stands twice, so its gain is not clear; remove one")
    return pairs_P2


def _true_pairs(matrix_QC: Array, xp: ArrayNamespace) -> IntArray | None:
    """The pairs (P, 2) at which booleans are true; None in code that JAX compiles."""
    try:
        places = xp.nonzero(matrix_QC)
    except TypeError:  # jax.errors.ConcretizationTypeError
        return None
    return np.stack([on_host(x) for x in places], axis=-1)
