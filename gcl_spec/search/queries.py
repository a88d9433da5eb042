"""The queries of a search, checked, and scaled for float32 products."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gcl_spec._typing import AnyArray, BoolArray, FloatArray, IntArray
from gcl_spec.errors import InputError, InputTypeError
from gcl_spec.search.floats import LARGEST, as_floats, is_floating

__all__ = ["QueryBlock", "checked_queries", "query_blocks"]


class QueryBlock(NamedTuple):
    """Queries whose products are made together."""

    queries_QD: FloatArray
    """Shape (Q, D), as given."""
    scaled_QD: FloatArray
    """The queries times 2^-exponent, (Q, D) float32, the largest number of each in [1/2, 1)."""
    exponents_Q: IntArray
    """Shape (Q,)."""
    scaled_norms_Q: FloatArray
    """The norms of the scaled queries, (Q,) float64."""
    norms_Q: FloatArray
    """The norms of the queries, (Q,) float64."""


def checked_queries(queries_QD: AnyArray, width: int) -> tuple[FloatArray, BoolArray]:
    """The queries as floating numbers, (Q, D), and which of them are not zero, (Q,).

    Args:
        queries_QD: (Q, D) of float16, bfloat16, float32 or float64.
        width: the width of the candidates.

    Raises:
        InputError: they are no rows of this width, or hold NaN, Inf or a number above 2^500.
        InputTypeError: they are no floating numbers.
    """
    queries_QD = np.asarray(queries_QD)
    if queries_QD.ndim != 2 or not len(queries_QD):
        raise InputError(f"queries have shape {queries_QD.shape}; wanted one at least, (Q, D)")
    if not is_floating(queries_QD.dtype):
        raise InputTypeError(
            f"queries are {queries_QD.dtype}; wanted float16, bfloat16, float32 or float64"
        )
    if queries_QD.shape[1] != width:
        raise InputError(f"queries are {queries_QD.shape[1]} wide, candidates {width}")
    queries_QD = as_floats(queries_QD)
    size_Q = np.maximum(
        queries_QD.max(axis=1, initial=0.0), -queries_QD.min(axis=1, initial=0.0)
    ).astype(np.float64)
    bad_Q = ~(size_Q <= LARGEST)
    if bad_Q.any():
        raise InputError(f"query {int(np.argmax(bad_Q))} holds NaN, Inf or a number above 2^500")
    return queries_QD, size_Q > 0


def query_blocks(queries_QD: FloatArray, block: int) -> Iterator[QueryBlock]:
    """The queries in blocks.

    Args:
        queries_QD: queries that are not zero, (Q, D).
        block: the queries of a block; the last may have fewer.
    """
    for start in range(0, len(queries_QD), block):
        part_QD = queries_QD[start : start + block]
        wide_QD = part_QD.astype(np.float64)
        exponents_Q = np.frexp(np.abs(wide_QD).max(axis=1))[1]
        wide_QD = np.ldexp(wide_QD, -exponents_Q[:, None])
        scaled_norms_Q = np.sqrt(np.vecdot(wide_QD, wide_QD))
        norms_Q = np.ldexp(scaled_norms_Q, exponents_Q)
        with np.errstate(under="ignore"):
            scaled_QD = wide_QD.astype(np.float32)
        yield QueryBlock(part_QD, scaled_QD, exponents_Q, scaled_norms_Q, norms_Q)
