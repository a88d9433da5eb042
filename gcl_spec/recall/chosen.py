"""Which candidates of each query are meant: pairs of numbers, and their layout by query."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from array_api_compat import device, is_torch_array

from gcl_spec._typing import Array, ArrayNamespace, BoolArray, IntArray
from gcl_spec.errors import InputError, InputTypeError

__all__ = [
    "Chosen",
    "Layout",
    "NoRelevant",
    "check_relevant",
    "is_matrix",
    "laid_out",
    "layout",
    "matrix_of_traced",
    "on_host",
    "pairs_of",
    "read",
]

Chosen: TypeAlias = Array | Sequence[tuple[int, int]]
"""Candidates of queries: booleans (Q, C), or pairs (query, candidate), (P, 2) integers."""

NoRelevant: TypeAlias = Literal["error", "nan"]
"""What a query without a relevant candidate is: an error, or NaN in all its metrics."""


class Layout(NamedTuple):
    """The chosen candidates of every query, in as many columns as the query with the most has.

    numbers_QR: the candidates' numbers, shape (Q, R). valid_QR: whether the place holds one, shape
    (Q, R).
    """

    numbers_QR: Array
    valid_QR: Array

    def on(self, xp: ArrayNamespace, there: object) -> "Layout":
        """The same layout on a device, as arrays of a namespace, (Q, R) each."""
        return Layout(*(xp.asarray(x, device=there) for x in self))


def on_host(x: Any) -> Any:
    """An array of any shape, or a sequence, as NumPy's; None in code that JAX compiles."""
    try:
        return np.asarray(x.detach().cpu() if is_torch_array(x) else x)
    except TypeError:  # jax.errors.TracerArrayConversionError
        return None


def read(x: Array) -> bool | None:
    """The truth of an array of shape (); None in code that JAX compiles, where it has none yet."""
    try:
        return bool(x)
    except TypeError:  # jax.errors.TracerBoolConversionError
        return None


def is_matrix(chosen: Chosen, xp: ArrayNamespace) -> bool:
    """Are the candidates given as booleans (Q, C), and not as pairs, (P, 2)?"""
    dtype = getattr(chosen, "dtype", None)
    # An array of NumPy will do beside scores of any framework.
    return dtype is not None and bool(dtype == (bool if isinstance(dtype, np.dtype) else xp.bool))


def pairs_of(
    chosen: Chosen, queries: int, candidates: int | None, name: str, *, as_given: bool = False
) -> IntArray | None:
    """The pairs in order of queries, then of candidates, each once; None where they are traced.

    Args:
        chosen: pairs (query, candidate), (P, 2); the two arrays that `nonzero` gives will do, too.
        queries: the number of queries.
        candidates: the number of candidates; None where it is not known yet.
        name: the argument's name, for errors.
        as_given: whether order and repetitions stay.

    Returns:
        Shape (P, 2), int64, on the host.

    Raises:
        InputError: the shape is not (P, 2), or a number is out of range.
        InputTypeError: the numbers are no integers.
    """
    if isinstance(chosen, tuple) and len(chosen) == 2 and all(hasattr(x, "shape") for x in chosen):
        both = [on_host(x) for x in chosen]
        pairs = None if any(x is None for x in both) else np.stack(both, axis=-1)
    else:
        pairs = on_host(chosen)
    if pairs is None:
        return None
    if pairs.size == 0 and pairs.shape[-1] in (0, 2):
        return np.zeros((0, 2), np.int64)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise InputError(
            f"{name} has shape {pairs.shape}; wanted pairs (query, candidate), (P, 2), or "
            "booleans (Q, C)"
        )
    if not np.issubdtype(pairs.dtype, np.integer):
        raise InputTypeError(
            f"{name} has dtype {pairs.dtype}; wanted booleans (Q, C), or integers (P, 2)"
        )
    for column, (what, count) in enumerate((("query", queries), ("candidate", candidates))):
        _check_range(pairs[:, column], count, what, name)
    pairs = pairs.astype(np.int64)
    return pairs if as_given else np.unique(pairs, axis=0)


def _check_range(numbers_P: IntArray, count: int | None, what: str, name: str) -> None:
    bad_P = numbers_P < 0
    if count is not None:
        bad_P = bad_P | (numbers_P >= count)
    if np.any(bad_P):
        place = int(np.flatnonzero(bad_P)[0])
        there = "they are counted from 0" if count is None else f"there are {count}, from 0 on"
        raise InputError(f"pair {place} of {name} names {what} {numbers_P[place]}; {there}")


def matrix_of_traced(pairs_P2: Array, queries: int, candidates: int, xp: ArrayNamespace) -> Array:
    """Booleans (Q, C) of pairs in code that JAX compiles; none is true where a pair is no pair.

    Args:
        pairs_P2: integers, (P, 2).
        queries, candidates: their numbers, whose product an index of 32 bits must hold.
        xp: the Array API namespace.

    Raises:
        InputError: another shape, or too many scores.
    """
    if len(pairs_P2.shape) != 2 or pairs_P2.shape[1] != 2 or 0 in pairs_P2.shape:
        raise InputError(f"pairs have shape {tuple(pairs_P2.shape)}; wanted (P, 2), P >= 1")
    if queries * candidates >= 2**31:
        raise InputError(
            f"traced pairs of {queries} x {candidates} scores are too many; give them as constants"
        )
    query_P, candidate_P = pairs_P2[:, 0], pairs_P2[:, 1]
    fine_P = (query_P >= 0) & (query_P < queries) & (candidate_P >= 0) & (candidate_P < candidates)
    places_P = xp.sort(query_P * candidates + candidate_P)
    every = xp.arange(queries * candidates, dtype=places_P.dtype)
    near = xp.clip(xp.searchsorted(places_P, every), 0, places_P.shape[0] - 1)
    flags = (xp.take(places_P, near) == every) & xp.all(fine_P)
    return xp.reshape(flags, (queries, candidates))


def check_relevant(pairs_P2: IntArray, queries: int, no_relevant: str) -> None:
    """Refuse queries without a relevant candidate, unless they may be NaN.

    Args:
        pairs_P2: the relevant candidates, (P, 2).
        queries: the number of queries.
        no_relevant: a `NoRelevant`.

    Raises:
        InputError: there is one, or `no_relevant` is another word.
    """
    if no_relevant not in get_args(NoRelevant):
        raise InputError(f"no_relevant is {no_relevant!r}; wanted 'error' or 'nan'")
    lonely = np.flatnonzero(np.bincount(pairs_P2[:, 0], minlength=queries) == 0)
    if no_relevant == "error" and len(lonely):
        shown = ", ".join(map(str, lonely[:5])) + (
            f" and {len(lonely) - 5} more" if len(lonely) > 5 else ""
        )
        noun = "query" if len(lonely) == 1 else "queries"
        raise InputError(
            f"no candidate is relevant to {noun} {shown}, so there is nothing to find",
            advice='leave them out, or give no_relevant="nan"',
        )


def layout(pairs_P2: IntArray, queries: int) -> Layout:
    """The pairs by query, on the host.

    Args:
        pairs_P2: pairs (query, candidate), (P, 2), in order of queries.
        queries: the number of queries.

    Returns:
        Numbers and flags, (Q, R) each, R >= 1.
    """
    counts_Q = np.bincount(pairs_P2[:, 0], minlength=queries)
    width = max(1, int(counts_Q.max()))
    valid_QR = np.arange(width) < counts_Q[:, None]
    numbers_QR = np.zeros((queries, width), np.int64)
    numbers_QR[valid_QR] = pairs_P2[:, 1]
    return Layout(numbers_QR, valid_QR)


def laid_out(
    values_P: Array, given_P2: IntArray, valid_QR: BoolArray, name: str, xp: ArrayNamespace
) -> Array:
    """The values of pairs in their layout by query, (Q, R); anything where a place holds none.

    Args:
        values_P: a value for each pair, (P,), in the order in which pairs were given.
        given_P2: these pairs, (P, 2), in any order, none twice.
        valid_QR: the flags of their `layout`, on the host, (Q, R).
        name: what the values are, for errors.
        xp: the Array API namespace.

    Raises:
        InputError: there is not one value for each pair.
    """
    if values_P.shape != (len(given_P2),):
        raise InputError(
            f"{name} have shape {tuple(values_P.shape)}; wanted one for each of the "
            f"{len(given_P2)} pairs of relevant"
        )
    places_QR = np.zeros(valid_QR.shape, np.int64)
    places_QR[valid_QR] = np.lexsort((given_P2[:, 1], given_P2[:, 0]))
    if not len(given_P2):
        values_P = xp.ones((1,), dtype=values_P.dtype, device=device(values_P))
    flat = xp.asarray(places_QR.reshape(-1), device=device(values_P))
    return xp.reshape(xp.take(values_P, flat), places_QR.shape)
