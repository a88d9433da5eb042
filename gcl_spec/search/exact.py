"""Exact search by inner product, in chunks, so that memory does not grow with both sides."""

from collections.abc import Iterator

import numpy as np

from gcl_spec._typing import FloatArray, IntArray
from gcl_spec.errors import InputError

__all__ = ["score_chunks", "top_k"]

_CHUNK_BYTES = 64 * 2**20


def score_chunks(
    queries_QD: FloatArray, candidates_CD: FloatArray
) -> Iterator[tuple[slice, FloatArray]]:
    """The scores of all queries with all candidates, in chunks of about 64 MB.

    Args:
        queries_QD, candidates_CD: rows of the same width, (Q, D) and (C, D).

    Yields:
        A slice of the queries, and their scores, shape (queries of the slice, C).

    Raises:
        InputError: the rows have different widths.
    """
    if queries_QD.shape[1] != candidates_CD.shape[1]:
        raise InputError(
            f"queries are {queries_QD.shape[1]} wide, candidates {candidates_CD.shape[1]}"
        )
    rows = max(1, _CHUNK_BYTES // (queries_QD.itemsize * max(1, len(candidates_CD))))
    for start in range(0, len(queries_QD), rows):
        part = slice(start, start + rows)
        yield part, queries_QD[part] @ candidates_CD.T


def top_k(queries_QD: FloatArray, candidates_CD: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
    """The k best candidates of every query, best first; a tie goes to the lower candidate number.

    Args:
        queries_QD, candidates_CD: rows of the same width, (Q, D) and (C, D); unit rows give cosine
            similarity.
        k: the number of candidates to give, at most C.

    Returns:
        Candidate numbers and scores, (Q, K) each.
    """
    k = min(k, len(candidates_CD))
    numbers = np.empty((len(queries_QD), k), np.int64)
    scores = np.empty((len(queries_QD), k), queries_QD.dtype)
    for part, block in score_chunks(queries_QD, candidates_CD):
        # A stable sort of the negated scores keeps ties in candidate order.
        order = np.argsort(-block, axis=1, kind="stable")[:, :k]
        numbers[part] = order
        scores[part] = np.take_along_axis(block, order, axis=1)
    return numbers, scores
