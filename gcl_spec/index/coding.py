"""The codes of rows that an index stores in place of whole rows: a byte a number, or a bit.

They are those of `gcl eval --quantise`, and so are their scores (`gcl_spec.search.quantise`, `bits`
and `bit_scores`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from gcl_spec._typing import AnyArray, BoolArray, FloatArray, IntArray
from gcl_spec.index.best import Best, best_of
from gcl_spec.search.bit_scores import HammingScores
from gcl_spec.search.bits import from_bits, to_bits
from gcl_spec.search.bounds import FLOAT32, gamma
from gcl_spec.search.pair_scores import pair_scores
from gcl_spec.search.quantise import from_int8, quantise_int8

__all__ = ["CODES", "BitCoding", "Codes", "Coding", "Int8Coding", "best_codes"]

CODES = ("int8", "binary")
_HELD = 2**17
"""Numbers that are read back at a time: they stay in the processor's cache."""
_LEVELS = 255
_NO_PAIRS: IntArray = np.zeros((0, 2), np.int64)


class Codes(NamedTuple):
    """The form in which an index stores rows.

    form: one of `CODES`. rescore: the dtype of whole rows beside the codes, by which the best are
    scored again; "" for none.
    """

    form: str
    rescore: str = ""


class Coding(Protocol):
    """A coding, which makes codes of the rows of one column, and scores them."""

    @property
    def width(self) -> int:
        """The numbers of a row, D."""

    @property
    def size(self) -> int:
        """The numbers of its code, E."""

    def encode(self, rows_ND: FloatArray, /) -> AnyArray:
        """The codes (N, E) of rows (N, D)."""

    def decode(self, codes_NE: AnyArray, /) -> FloatArray:
        """The rows (N, D) float32 that codes (N, E) stand for."""

    def products(self, query_D: FloatArray, codes_CE: AnyArray, /) -> tuple[FloatArray, float]:
        """Approximate scores (C,) of a query (D,) with codes (C, E), and a bound of their error."""

    def scores(self, query_D: FloatArray, codes_NE: AnyArray, /) -> FloatArray:
        """The scores (N,) of a query (D,) with codes (N, E)."""


@dataclass(frozen=True, eq=False)
class Int8Coding:
    """A byte a number: 255 steps between the ends of each dimension's range.

    ranges_2D: the ranges, (2, D) float32, of `gcl_spec.search.quantise.int8_ranges`.
    """

    ranges_2D: FloatArray

    @property
    def width(self) -> int:
        """The numbers of a row, D."""
        return int(self.ranges_2D.shape[1])

    @property
    def size(self) -> int:
        """The numbers of its code, D."""
        return self.width

    def encode(self, rows_ND: FloatArray, /) -> AnyArray:
        """The codes (N, D) int8 of rows (N, D); what lies outside of a range becomes its end."""
        return np.asarray(quantise_int8(np.asarray(rows_ND, np.float32), self.ranges_2D))

    def decode(self, codes_ND: AnyArray, /) -> FloatArray:
        """The rows (N, D) float32 that codes (N, D) stand for."""
        return np.asarray(from_int8(codes_ND, self.ranges_2D))

    def outside(self, rows_ND: FloatArray) -> int:
        """How many numbers of rows (N, D) lie outside of their ranges."""
        low_D, high_D = self.ranges_2D
        return int(np.count_nonzero((rows_ND < low_D) | (rows_ND > high_D)))

    def products(self, query_D: FloatArray, codes_CD: AnyArray, /) -> tuple[FloatArray, float]:
        """Approximate scores (C,), without reading rows back, and a bound of their error.

        The products are derived here: a row has r = low + (c + 128) step in each dimension, so that
        q . r is the product of c with w = q step, and q . (low + 128 step), the same for all rows.
        A float32 product of D terms with w rounded is at most gamma_{D+2} sum 128 |w| from it
        (`gcl_spec.search.bounds`), and r in float32 has two roundings of at most |low| + 255 step.

        Args:
            query_D: the query, (D,).
            codes_CD: the codes, (C, D).
        """
        low_D = self.ranges_2D[0].astype(np.float64)
        step_D = ((self.ranges_2D[1] - self.ranges_2D[0]) / _LEVELS).astype(np.float64)
        wide_D = query_D.astype(np.float64)
        weight_D = wide_D * step_D
        narrow_D = weight_D.astype(np.float32)
        product_C = np.full(len(codes_CD), wide_D @ (low_D + 128 * step_D))
        held_ND = np.empty((max(1, _HELD // len(query_D)), len(query_D)), np.float32)
        for start in range(0, len(codes_CD), len(held_ND)):
            part = slice(start, start + len(held_ND))
            some_ND = held_ND[: len(codes_CD[part])]
            np.copyto(some_ND, codes_CD[part])
            product_C[part] += some_ND @ narrow_D
        error = gamma(len(query_D) + 4, FLOAT32) * 128 * float(np.abs(weight_D).sum())
        error += 4 * FLOAT32 * float(np.abs(wide_D) @ (np.abs(low_D) + _LEVELS * step_D))
        return product_C, 1.001 * error

    def scores(self, query_D: FloatArray, codes_ND: AnyArray, /) -> FloatArray:
        """The inner products (N,) of a query (D,) with the rows of codes (N, D)."""
        zero_N = np.zeros(len(codes_ND), np.int64)
        rows_ND = self.decode(codes_ND)
        return pair_scores(query_D[None], rows_ND, zero_N, np.arange(len(codes_ND)))


@dataclass(frozen=True)
class BitCoding:
    """A bit a number: is it above 0? Codes are compared by their Hamming distance.

    width: the numbers of a row, D.
    """

    width: int

    @property
    def size(self) -> int:
        """The bytes of a code, E."""
        return (self.width + 7) // 8

    def encode(self, rows_ND: FloatArray, /) -> AnyArray:
        """The codes (N, E) uint8 of rows (N, D)."""
        return np.asarray(to_bits(rows_ND))

    def decode(self, codes_NE: AnyArray, /) -> FloatArray:
        """The unit rows (N, D) float32 of 1 and -1, divided by the root of D, of codes (N, E)."""
        return np.asarray(from_bits(codes_NE, self.width)) / np.float32(np.sqrt(self.width))

    def products(self, query_D: FloatArray, codes_CE: AnyArray, /) -> tuple[FloatArray, float]:
        """The scores (C,) of a query (D,) with codes (C, E), and 0.

        Eight bytes are compared at once, where codes have so many.
        """
        asked_1E = self.encode(query_D[None])
        if self.size % 8 == 0:
            asked_1E, codes_CE = (
                np.ascontiguousarray(x).view(np.uint64) for x in (asked_1E, codes_CE)
            )
        distance_C = np.bitwise_count(codes_CE ^ asked_1E).sum(axis=1, dtype=np.int64)
        return np.asarray(1 - 2 * distance_C / self.width), 0.0

    def scores(self, query_D: FloatArray, codes_NE: AnyArray, /) -> FloatArray:
        """The scores (N,) of a query (D,) with codes (N, E): 1 - 2 h / D for the distance h."""
        pairs_N2 = np.stack([np.zeros(len(codes_NE), np.int64), np.arange(len(codes_NE))], axis=1)
        near = HammingScores(to_bits(query_D[None]), codes_NE, self.width)
        return near.of(slice(0, 1), pairs_N2, _NO_PAIRS)[0]


def best_codes(
    coding: Coding,
    query_D: FloatArray,
    codes_CE: AnyArray,
    k: int,
    *,
    keep_C: BoolArray | None = None,
    ids: Callable[[IntArray], Sequence[str]] | None = None,
    ties: bool = False,
) -> Best:
    """The `k` codes with the highest scores, exactly; see `gcl_spec.index.best.best_of`.

    Args:
        coding: that of the codes.
        query_D: the query, (D,) float32.
        codes_CE: the codes, (C, E).
        k: how many are wanted.
        keep_C: which rows are searched, (C,); None: all.
        ids: gives the ids of rows by their places, (N,); None: they lie in the order of their ids.
        ties: give also the others whose score is that of the last one.
    """
    product_C, error = coding.products(query_D, codes_CE)

    def score(place_N: IntArray) -> FloatArray:
        return coding.scores(query_D, codes_CE[place_N])

    return best_of(product_C, error, k, score, keep_C=keep_C, ids=ids, ties=ties)
