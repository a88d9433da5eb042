"""The score of a pair: its inner product in float64, added in an order that the width alone fixes.

The products of values of 32 bits or fewer are exact in float64, and no library, thread or other
pair has a part in their sum. So equal rows have exactly equal scores.
"""

import numpy as np

from gcl_spec._typing import FloatArray, IntArray
from gcl_spec.chunk_products import in_threads

__all__ = ["pair_scores"]

_SLICE_BYTES = 2**20
_NARROW = 8


def pair_scores(
    queries_QD: FloatArray, rows_CD: FloatArray, query_N: IntArray, row_N: IntArray
) -> FloatArray:
    """The scores of pairs of a query and a row.

    Args:
        queries_QD, rows_CD: queries and rows, (Q, D) and (C, D).
        query_N, row_N: the numbers of the query and the row of each pair, (N,).

    Returns:
        Shape (N,), float64.
    """
    scores_N = np.zeros(len(query_N))
    size = max(1, _SLICE_BYTES // (8 * max(1, queries_QD.shape[1])))

    def work(part: slice) -> None:
        for start in range(part.start, part.stop, size):
            here = slice(start, min(start + size, part.stop))
            left_ND, right_ND = queries_QD[query_N[here]], rows_CD[row_N[here]]
            with np.errstate(under="ignore"):
                terms_ND = np.multiply(left_ND, right_ND, dtype=np.float64)
                scores_N[here] = _folded(terms_ND) + 0.0  # -0 and 0 are one score

    in_threads(work, len(query_N))
    return scores_N


def _folded(terms_ND: FloatArray) -> FloatArray:
    """The sums of rows (N, D), which are overwritten: the second half is added to the first."""
    width = terms_ND.shape[1]
    if width == 0:
        return np.zeros(len(terms_ND))
    while width > _NARROW:
        half = (width + 1) // 2
        terms_ND[:, : width - half] += terms_ND[:, half:width]
        width = half
    # Few columns are added faster as rows.
    terms_DN = np.ascontiguousarray(terms_ND[:, :width].T)
    while width > 1:
        half = (width + 1) // 2
        terms_DN[: width - half] += terms_DN[half:width]
        width = half
    total_N: FloatArray = terms_DN[0]
    return total_N
