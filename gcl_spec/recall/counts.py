"""Counts the candidates that score higher than a reference, or the same."""

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.recall.chosen import Layout

__all__ = ["count", "count_but", "gathered"]

_COMPARED = 32
"""Up to this many references a query are compared one by one, which beats sorting."""
_BLOCK = 2**22
"""The comparisons that are made at once."""


def count(references_QR: Array, scores_QC: Array, xp: ArrayNamespace) -> tuple[Array, Array]:
    """The numbers of scores that are higher than each reference, and that are equal to it.

    Args:
        references_QR: finite scores, (Q, R).
        scores_QC: scores of the same dtype, (Q, C), without NaN; what does not count is -inf.
        xp: the Array API namespace.

    Returns:
        Two arrays of integers, (Q, R) each.
    """
    if references_QR.shape[1] > _COMPARED:
        return _by_search(references_QR, scores_QC, xp)
    queries, references = references_QR.shape
    step = max(1, _BLOCK // max(1, queries * scores_QC.shape[1]))
    higher, equal = [], []
    for start in range(0, references, step):
        part_QR1 = references_QR[:, start : min(start + step, references), None]
        higher.append(xp.count_nonzero(scores_QC[:, None, :] > part_QR1, axis=-1))
        equal.append(xp.count_nonzero(scores_QC[:, None, :] == part_QR1, axis=-1))
    if len(higher) == 1:
        return higher[0], equal[0]
    return xp.concat(higher, axis=1), xp.concat(equal, axis=1)


def count_but(
    references_QR: Array,
    scores_QC: Array,
    excluded: Layout | None,
    xp: ArrayNamespace,
    *,
    start: int = 0,
) -> tuple[Array, Array]:
    """The counts of `count`, (Q, R) each, without the excluded candidates.

    Args:
        references_QR: finite scores, (Q, R).
        scores_QC: scores of the same dtype, (Q, C), without NaN.
        excluded: the numbers of candidates that do not count.
        xp: the Array API namespace.
        start: the number of the candidate in the first column.
    """
    higher, equal = count(references_QR, scores_QC, xp)
    if excluded is None or 0 in (excluded.numbers_QR.shape[1], scores_QC.shape[1]):
        return higher, equal
    inside = (excluded.numbers_QR >= start) & (excluded.numbers_QR < start + scores_QC.shape[1])
    here = Layout(xp.where(inside, excluded.numbers_QR - start, 0), excluded.valid_QR & inside)
    lost = count(references_QR, gathered(scores_QC, here, xp), xp)
    return higher - lost[0], equal - lost[1]


def gathered(scores_QC: Array, chosen: Layout, xp: ArrayNamespace) -> Array:
    """The scores of chosen candidates, (Q, R); -inf where a place holds none.

    Args:
        scores_QC: shape (Q, C).
        chosen: which of them, (Q, R).
        xp: the Array API namespace.
    """
    scores_QR = xp.take_along_axis(scores_QC, chosen.numbers_QR, axis=1)
    return xp.where(chosen.valid_QR, scores_QR, -xp.inf)


def _by_search(references_QR: Array, scores_QC: Array, xp: ArrayNamespace) -> tuple[Array, Array]:
    """The counts of `count` by a sort, and two binary searches for all references at once."""
    sorted_QC = xp.sort(scores_QC, axis=1)
    below = _insertion(sorted_QC, references_QR, xp, after_equal=False)
    through = _insertion(sorted_QC, references_QR, xp, after_equal=True)
    return scores_QC.shape[1] - through, through - below


def _insertion(
    sorted_QC: Array, references_QR: Array, xp: ArrayNamespace, *, after_equal: bool
) -> Array:
    """How many of the sorted scores are lower than each reference, or not higher, (Q, R)."""
    last = sorted_QC.shape[1] - 1
    low = xp.zeros_like(references_QR, dtype=xp.int64 if last >= 2**31 - 1 else xp.int32)
    high = xp.zeros_like(low) + (last + 1)
    for _ in range((last + 1).bit_length()):
        middle = (low + high) // 2
        scores_QR = xp.take_along_axis(sorted_QC, xp.clip(middle, 0, last), axis=1)
        right = (scores_QR <= references_QR) if after_equal else (scores_QR < references_QR)
        open_ = low < high
        low = xp.where(open_ & right, middle + 1, low)
        high = xp.where(open_ & ~right, middle, high)
    return low
