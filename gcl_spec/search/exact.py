"""All scores of queries with candidates, a chunk of queries at a time."""

from collections.abc import Iterator

from gcl_spec._typing import FloatArray
from gcl_spec.errors import InputError

__all__ = ["score_chunks"]

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
