"""The forms in which candidates are stored, how many bytes they take, and how they are scored.

Queries are rows in float32, in all forms; where only bits are compared, bits are made of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gcl_spec._typing import AnyArray, FloatArray, IntArray
from gcl_spec.errors import InputError
from gcl_spec.search.bit_scores import HammingScores, RescoredScores
from gcl_spec.search.bits import to_bits
from gcl_spec.search.quantise import from_int8, int8_ranges, quantise_int8
from gcl_spec.search.scores import InnerProducts, Scores

__all__ = ["FORMS", "QUANTISED", "RESCORED", "Form", "Stored"]

RESCORED = 40
"""How many candidates are looked at again: four times the ten of hit@10, which is what
sentence-transformers' `rescore_multiplier` is when nothing is said."""


class Stored(Protocol):
    """Candidates in one form."""

    def scores(self, queries_QD: FloatArray, rows_C: IntArray) -> Scores:
        """The scores of queries with some candidates.

        Args:
            queries_QD: shape (Q, D).
            rows_C: the numbers of the candidates, (C,).
        """


@dataclass(frozen=True)
class Form:
    """One form.

    bytes_of: how many bytes a row of so many numbers takes. store: gives rows (N, D) that form;
    what it has to know of rows it learns from those that are in the pool, whose numbers, (C,), are
    its second argument. bits: whether it has a bit for each number.
    """

    name: str
    meaning: str
    bytes_of: Callable[[int], int]
    store: Callable[[FloatArray, IntArray], Stored]
    bits: bool = False


@dataclass(frozen=True)
class _Products:
    """Stored rows (N, D), which are scored by their inner products with queries."""

    rows_ND: FloatArray

    def scores(self, queries_QD: FloatArray, rows_C: IntArray) -> Scores:
        return InnerProducts(queries_QD, self.rows_ND[rows_C])


@dataclass(frozen=True)
class _Bits:
    """Stored bits (N, E), which are scored by their Hamming distance to the queries' bits.

    Where `again`, the best candidates are scored a second time, by the rows (N, D) or, without
    these, by the bits.
    """

    bits_NE: AnyArray
    again: bool = False
    rows_ND: FloatArray | None = None

    def scores(self, queries_QD: FloatArray, rows_C: IntArray) -> Scores:
        asked_QE, stored_CE = to_bits(queries_QD), self.bits_NE[rows_C]
        if not self.again:
            return HammingScores(asked_QE, stored_CE, queries_QD.shape[1])
        rows_CD = None if self.rows_ND is None else self.rows_ND[rows_C]
        return RescoredScores(queries_QD, asked_QE, stored_CE, rows_CD, most=RESCORED)


def _halves(rows_ND: FloatArray, pool_C: IntArray) -> FloatArray:
    """The rows in float16, (N, D)."""
    with np.errstate(over="ignore", under="ignore"):
        halves_ND = rows_ND.astype(np.float16)
    if np.isinf(halves_ND).any():
        raise InputError("rows have numbers above 65504, which float16 does not hold")
    return halves_ND


def _read_back(rows_ND: FloatArray, pool_C: IntArray) -> FloatArray:
    """The rows (N, D) as they are read back from 8 bits, in the ranges of the pool's rows."""
    ranges_2D = int8_ranges(rows_ND[pool_C])
    return np.asarray(from_int8(quantise_int8(rows_ND, ranges_2D), ranges_2D))


def _bytes_of_bits(width: int) -> int:
    return (width + 7) // 8


FORMS: Mapping[str, Form] = {
    form.name: form
    for form in (
        Form("float32", "as the model gives them", lambda d: 4 * d, lambda z, _: _Products(z)),
        Form(
            "float16", "in half precision", lambda d: 2 * d, lambda z, c: _Products(_halves(z, c))
        ),
        Form(
            "int8",
            "255 steps between the ends of each dimension's range in the pool",
            lambda d: d,
            lambda z, c: _Products(_read_back(z, c)),
        ),
        Form(
            "binary",
            "a bit a number, in the order of the Hamming distance",
            _bytes_of_bits,
            lambda z, _: _Bits(to_bits(z)),
            bits=True,
        ),
        Form(
            "binary+bits",
            f"the first {RESCORED} of binary, ordered by the query in float32 with their bits",
            _bytes_of_bits,
            lambda z, _: _Bits(to_bits(z), again=True),
            bits=True,
        ),
        Form(
            "binary+int8",
            f"the first {RESCORED} of binary, ordered by int8, which is stored too",
            lambda d: d + _bytes_of_bits(d),
            lambda z, c: _Bits(to_bits(z), again=True, rows_ND=_read_back(z, c)),
            bits=True,
        ),
    )
}
"""All forms by name."""

QUANTISED: Mapping[str, tuple[str, ...]] = {
    "float16": ("float16",),
    "int8": ("int8",),
    "binary": ("binary", "binary+bits", "binary+int8"),
    "all": tuple(name for name in FORMS if name != "float32"),
}
"""The names of the forms beside float32 that `gcl eval --quantise` measures, by its values."""
