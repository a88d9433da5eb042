"""Looks at scores and gains before they are counted: shape, dtype, and that they are finite."""

from math import inf

import numpy as np
from array_api_compat import device

from gcl_spec._typing import Array, ArrayNamespace, BoolArray, IntArray
from gcl_spec.errors import InputError, InputTypeError
from gcl_spec.recall.chosen import on_host, read

__all__ = ["check_scores", "first_true", "matrix_of", "screened", "wrong_gains"]


def check_scores(scores: Array, axes: int, wanted: str, xp: ArrayNamespace) -> None:
    """Refuse scores that are no real floating array of so many axes, and a matrix of no query.

    Args:
        scores: any shape.
        axes: the number of axes that it must have.
        wanted: the shape to name in the error.
        xp: the Array API namespace.

    Raises:
        InputError: another number of axes, or no query.
        InputTypeError: another dtype.
    """
    if len(scores.shape) != axes or (axes > 1 and not scores.shape[0]):
        raise InputError(f"scores have shape {tuple(scores.shape)}; wanted {wanted}")
    if not xp.isdtype(scores.dtype, "real floating"):
        raise InputTypeError(f"scores have dtype {scores.dtype}; wanted a real floating one")


def screened(
    scores_QC: Array,
    spared_QC: Array | None,
    excluded_P2: IntArray,
    xp: ArrayNamespace,
    *,
    start: int = 0,
) -> tuple[Array, Array | None]:
    """The scores with -inf for spared candidates, and for what is not finite.

    Args:
        scores_QC: shape (Q, C).
        spared_QC: booleans, (Q, C), or None: these do not compete, whatever their score.
        excluded_P2: pairs (query, candidate), (P, 2), whose score may be anything, too.
        xp: the Array API namespace.
        start: the number of the candidate in the first column.

    Returns:
        Scores, (Q, C), and whether a query has another one that is not finite, (Q,); None where
        none has.

    Raises:
        InputError: there is such a query, and values can be looked at.
    """
    wrong_Q = None
    fine_QC = xp.isfinite(scores_QC)
    if not read(xp.all(fine_QC)):
        free = matrix_of(excluded_P2, scores_QC.shape, start)
        wrong_QC = ~(fine_QC | xp.asarray(free, device=device(scores_QC)))
        if spared_QC is not None:
            wrong_QC = wrong_QC & ~spared_QC
        if first := first_true(wrong_QC, xp):
            query, place = first
            raise InputError(
                f"the score of candidate {start + place} of query {query} is "
                f"{float(scores_QC[query, place])}",
                advice="mark what does not compete in `left_out`",
            )
        wrong_Q = xp.any(wrong_QC, axis=1)
        scores_QC = xp.where(fine_QC, scores_QC, -inf)
    return scores_QC if spared_QC is None else xp.where(spared_QC, -inf, scores_QC), wrong_Q


def wrong_gains(gains_QR: Array, valid_QR: Array, xp: ArrayNamespace) -> tuple[Array, Array]:
    """Where a relevant candidate has no gain above 0, and the gains with 1 there and elsewhere.

    Args:
        gains_QR: shape (Q, R).
        valid_QR: whether there is a relevant candidate, (Q, R).
        xp: the Array API namespace.

    Returns:
        Booleans and gains, (Q, R) each.

    Raises:
        InputError: there is such a gain, and values can be looked at.
    """
    fine_QR = xp.isfinite(gains_QR) & (gains_QR > 0)
    wrong_QR = valid_QR & ~fine_QR
    if first := first_true(wrong_QR, xp):
        query, place = first
        raise InputError(
            f"the gain of a relevant candidate of query {query} is "
            f"{float(gains_QR[query, place])}; wanted a finite one above 0",
            advice="what has no gain is not relevant: leave it out of `relevant`",
        )
    return wrong_QR, xp.where(valid_QR & fine_QR, gains_QR, 1.0)


def first_true(flags_QX: Array, xp: ArrayNamespace) -> tuple[int, int] | None:
    """The query and the place of the first true flag; None where there is none, or it is traced.

    Args:
        flags_QX: booleans, (Q, C) or (Q, R).
        xp: the Array API namespace.
    """
    if not read(xp.any(flags_QX)):
        return None
    query, place = np.argwhere(on_host(flags_QX))[0].tolist()
    return query, place


def matrix_of(pairs_P2: IntArray, shape: tuple[int, int], start: int = 0) -> BoolArray:
    """Booleans of a shape (Q, C) that are true at the pairs whose candidates are there.

    Args:
        pairs_P2: pairs (query, candidate), (P, 2).
        shape: (Q, C).
        start: the number of the candidate in the first column.
    """
    flags_QC = np.zeros(shape, bool)
    numbers_P = pairs_P2[:, 1] - start
    here_P = (numbers_P >= 0) & (numbers_P < shape[1])
    flags_QC[pairs_P2[here_P, 0], numbers_P[here_P]] = True
    return flags_QC
