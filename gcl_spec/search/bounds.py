"""Why no candidate is lost: how far a float32 product can be from the score of a pair.

The score s of a pair is the inner product of its stored values in float64, added in an order that
depends on the width D alone (`gcl_spec.search.pair_scores`). A framework's float32 product p of the
same pair depends on the library, the shape of the chunk and the threads. The search therefore takes
p only to leave candidates out, and no more than it may.

**The bound.** Let x be a query times 2^-a, with its largest entry in [1/2, 1), and y a row of a
chunk times 2^-b. These powers of two change no digit. Let gamma_n(u) = n u / (1 - n u). Then

    |p - x.y| <= gamma_{D+2}(2^-24) |x| |y| + D 2^-100,
    |s 2^-(a+b) - x.y| <= gamma_{D+2}(2^-53) |x| |y| + D 2^-(1020+a+b).

*Proof.* Rounding x_i and y_i to float32 gives each a factor 1 + d, |d| <= u = 2^-24 (none where the
values are stored in 32 bits or fewer). A sum of D products in any order, with fused operations or
without, gives the term x_i y_i at most D further such factors (Higham, Accuracy and Stability of
Numerical Algorithms, 2nd ed., section 3.1), so |p - x.y| <= gamma_{D+2} sum_i |x_i y_i|, and
sum_i |x_i y_i| <= |x| |y| by Cauchy and Schwarz. What underflows, or is flushed to zero, loses at
most 2^-126 in each of the entries, products and partial sums; entries are at most 2^17, so that all
of it is below D 2^-100. For s the same holds with u = 2^-53 and the range of float64. Entries of at
most 2^17 also keep p from overflow.

**No candidate is lost.** Let e be the sum of the two bounds with the largest |y| of the chunk, so
that |p - s 2^-(a+b)| <= e for every row of it. Let L be the K-th best score of a query among any
candidates seen. A candidate with s >= L has p >= L 2^-(a+b) - e. So a candidate with p below that
has s < L: K others are better, and it is neither in the result nor tied with its last. All others
are scored in full. The result is therefore a function of the stored values alone.
"""

import math

import numpy as np

from gcl_spec._typing import FloatArray, IntArray

__all__ = ["FLOAT32", "FLOAT64", "block_errors", "gamma", "least_products", "row_norm"]

FLOAT32, FLOAT64 = 2.0**-24, 2.0**-53
"""The unit roundoffs of float32 and float64."""
# The bound is multiplied by this, for the rounding of the norms and of the bound itself, and for
# the second bound, which is at most 2^-29 times the first.
_SLACK = 1 + 2.0**-20


def gamma(terms: int, unit: float) -> float:
    """The largest relative error of `terms` roundings, n u / (1 - n u), infinite from n u = 1 on.

    The source is Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., lemma 3.1.

    >>> round(gamma(512, FLOAT32) * 1e5, 2)
    3.05
    """
    return terms * unit / (1 - terms * unit) if terms * unit < 1 else math.inf


def row_norm(squared_C: FloatArray, width: int) -> float:
    """An upper bound of the largest norm, of the squared norms (C,) computed in float32 or more."""
    largest = float(squared_C.max(initial=0.0))
    return math.sqrt(largest) * (1 + gamma(width + 2, FLOAT32)) if largest else 0.0


def least_products(
    floor_Q: FloatArray, norms_Q: FloatArray, exponents_Q: IntArray, norm: float, width: int
) -> FloatArray:
    """The least float32 product with which a candidate may reach a score (see above).

    Args:
        floor_Q: the K-th best score of each query so far, (Q,).
        norms_Q: the norms of the scaled queries, (Q,).
        exponents_Q: for each query the a + b of its and the chunk's scaling, (Q,).
        norm: the largest norm of the chunk's scaled rows.
        width: the number D.

    Returns:
        Shape (Q,), float32, rounded down.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        floor_Q = np.ldexp(floor_Q, -exponents_Q)
        tiny_Q = width * (2.0**-100 + np.ldexp(1.0, -1020 - exponents_Q))
        error_Q = _SLACK * gamma(width + 2, FLOAT32) * norms_Q * norm + tiny_Q
        least_Q = np.where(np.isfinite(error_Q), floor_Q - error_Q, -np.inf)
        # The difference is rounded, too.
        least_Q = least_Q - 2.0**-50 * (np.abs(floor_Q) + error_Q)
        least_Q = np.where(np.isnan(least_Q), -np.inf, least_Q)
        return np.nextafter(least_Q.astype(np.float32), np.float32(-np.inf))


def block_errors(norms_Q: FloatArray, norm: float, width: int) -> FloatArray:
    """How far a float64 product of a library can be from the score, for each query.

    Both are sums of the same numbers in different orders, so twice the bound of one.

    Args:
        norms_Q: the norms of the queries, (Q,).
        norm: the largest norm of the rows.
        width: the number D.

    Returns:
        Shape (Q,).
    """
    relative = 2 * _SLACK * gamma(width + 2, FLOAT64)
    return np.asarray(relative * norms_Q * norm + width * 2.0**-1015)
