"""The score of a pair: its inner product in float64, added in an order that the width alone fixes.

The products of values of 32 bits or fewer are exact in float64, and no library, thread or other
pair has a part in their sum. So equal rows have exactly equal scores.
"""

import numpy as np

from gcl_spec._typing import FloatArray, IntArray

__all__ = ["pair_scores"]

_SLICE_BYTES = 2**20


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
    width = queries_QD.shape[1]
    scores_N = np.zeros(len(query_N))
    size = max(1, _SLICE_BYTES // (8 * max(1, width)))
    for start in range(0, len(query_N), size):
        part = slice(start, start + size)
        left_ND = queries_QD[query_N[part]].astype(np.float64, copy=False)
        right_ND = rows_CD[row_N[part]].astype(np.float64, copy=False)
        with np.errstate(under="ignore"):
            scores_N[part] = _folded(left_ND * right_ND) + 0.0  # -0 and 0 are one score
    return scores_N


def _folded(terms_ND: FloatArray) -> FloatArray:
    """The sums of rows (N, D), which are overwritten: the second half is added to the first."""
    width = terms_ND.shape[1]
    if width == 0:
        return np.zeros(len(terms_ND))
    while width > 1:
        half = (width + 1) // 2
        terms_ND[:, : width - half] += terms_ND[:, half:width]
        width = half
    return terms_ND[:, 0]
