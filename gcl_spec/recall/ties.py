"""The means of metrics over all orders of tied candidates, in closed form where there is one.

A tie begins after `ahead` candidates and has `size` of them, of which `relevant` are relevant. The
forms are those of McSherry and Najork ("Computing information retrieval performance measures
efficiently in the presence of tied scores", ECIR 2008), written so that little cancels out. All
arrays are floating.
"""

from functools import lru_cache

import numpy as np
from array_api_compat import device

from gcl_spec._typing import AnyArray, Array, ArrayNamespace
from gcl_spec.recall.chosen import read

__all__ = [
    "discount_tables",
    "harmonic_difference",
    "ideal",
    "mean_precisions",
    "mean_reciprocal",
    "missed",
    "numbers",
    "table_values",
]

_TERMS = 16
_BLOCK = 2**20


def numbers(start: int, stop: int, like: Array, xp: ArrayNamespace) -> Array:
    """The numbers from `start` to `stop`, shape (stop - start,), with dtype and device of `like`.

    Args:
        start, stop: the first number, and the first one that is left out.
        like: any shape.
        xp: the Array API namespace.
    """
    return xp.arange(start, stop, dtype=like.dtype, device=device(like))


def missed(
    ahead_Q: Array, size_Q: Array, relevant_Q: Array, k: int, most: int, xp: ArrayNamespace
) -> Array:
    """The probability that no relevant candidate of a tie is among the first k of the ranking.

    With s places up to k it is C(n - s, r) / C(n, r), the product of (n - s - i) / (n - i), i < r
    (McSherry and Najork, 2008).

    Args:
        ahead_Q, size_Q, relevant_Q: the tie of every query, (Q,) each.
        k: the last rank that counts.
        most: the largest number of relevant candidates.
        xp: the Array API namespace.

    Returns:
        Shape (Q,).
    """
    left_Q1 = (size_Q - xp.clip(k - ahead_Q, 0, None))[:, None]
    i_1R = numbers(0, most, size_Q, xp)[None, :]
    share_QR = xp.clip(left_Q1 - i_1R, 0, None) / xp.clip(size_Q[:, None] - i_1R, 1, None)
    return xp.prod(xp.where(i_1R < relevant_Q[:, None], share_QR, 1.0), axis=1)


def harmonic_difference(ahead: Array, size: Array, xp: ArrayNamespace) -> Array:
    """The sum of 1 / rank over the ranks of a tie, 1 / (ahead + 1) + ... + 1 / (ahead + size).

    After some terms it is the difference of two digamma functions by their series, psi(z + 1/2) =
    ln z + 1/(24 z^2) - 7/(960 z^4) + 31/(8064 z^6) - ... (https://dlmf.nist.gov/5.11).

    Args:
        ahead, size: any shape, the same.
        xp: the Array API namespace.

    Returns:
        The shape of `size`.
    """
    x_X = numbers(1, _TERMS + 1, size, xp)
    terms = xp.astype(size[..., None] >= x_X, size.dtype) / (ahead[..., None] + x_X)
    more = xp.clip(size - _TERMS, 0, None)
    first, last = ahead + (_TERMS + 0.5), ahead + (_TERMS + 0.5) + more
    return xp.sum(terms, axis=-1) + xp.log1p(more / first) + (_series(last) - _series(first))


def _series(z: Array) -> Array:
    inverse = 1 / (z * z)
    terms = 7 / 960 - inverse * (31 / 8064 - inverse * (127 / 30720))
    return inverse * (1 / 24 - inverse * terms)


def mean_precisions(
    ahead: Array, size: Array, relevant_ahead: Array, relevant: Array, xp: ArrayNamespace
) -> Array:
    """The mean precision at the rank of a relevant candidate of a tie.

    At place x of the tie 1 + v + (x - 1) q of the first b + x candidates are relevant, where v are
    ahead and q = (r - 1) / (n - 1) is another one's chance to be (McSherry and Najork, 2008).

    Args:
        ahead, size, relevant_ahead, relevant: any shape, the same.
        xp: the Array API namespace.

    Returns:
        The same shape.
    """
    harmonic = harmonic_difference(ahead, size, xp)
    chance = (relevant - 1) / xp.clip(size - 1, 1, None)
    later = size - (ahead + 1) * harmonic
    return ((relevant_ahead + 1) * harmonic + chance * later) / size


def mean_reciprocal(
    ahead_Q: Array, size_Q: Array, relevant_Q: Array, candidates: int, xp: ArrayNamespace
) -> Array:
    """The mean of 1 / rank of the first relevant candidate of a tie.

    With b ahead it is the sum of P(y) / (b + 1 + y) over the y others that may come first, P(y) =
    C(n - 1 - y, r - 1) / C(n, r) (McSherry and Najork, 2008). For r = 1 or b = 0 that is a
    difference of harmonic numbers.

    Args:
        ahead_Q, size_Q, relevant_Q: the tie of every query, (Q,) each.
        candidates: no tie is larger.
        xp: the Array API namespace.

    Returns:
        Shape (Q,).
    """
    one_Q = harmonic_difference(ahead_Q, size_Q, xp) / size_Q
    others_Q = size_Q - relevant_Q
    top_Q = relevant_Q * harmonic_difference(relevant_Q - 1, others_Q + 1, xp) / (others_Q + 1)
    closed_Q = (relevant_Q == 1) | (ahead_Q == 0)
    total_Q = relevant_Q / size_Q / (ahead_Q + 1)
    chance_Q = xp.where(closed_Q, 0.0, relevant_Q / size_Q)
    unread = read(xp.any(closed_Q)) is None
    step = candidates if unread else max(1, _BLOCK // max(1, size_Q.shape[0]))
    for start in range(1, candidates, step):
        if not unread and not read(xp.any(chance_Q * (others_Q - start + 1) > 0)):
            break
        y_1X = numbers(start, min(start + step, candidates), size_Q, xp)[None, :]
        left_QX = xp.clip(others_Q[:, None] - y_1X + 1, 0, None)
        share_QX = left_QX / xp.clip(size_Q[:, None] - y_1X, 1, None)
        chance_QX = chance_Q[:, None] * xp.cumulative_prod(share_QX, axis=1)
        total_Q = total_Q + xp.sum(chance_QX / (ahead_Q[:, None] + 1 + y_1X), axis=1)
        chance_Q = chance_QX[:, -1]
    return xp.where(relevant_Q == 1, one_Q, xp.where(ahead_Q == 0, top_Q, total_Q))


@lru_cache(maxsize=16)
def discount_tables(k: int, dtype: str) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Discounts 1 / log2(rank + 1) by rank, and their sums up to each rank in two parts.

    The source is Järvelin and Kekäläinen (2002). A sum is that of the two parts, so that the
    difference of two sums keeps its digits in float32, too.

    Args:
        k: the last rank that counts.
        dtype: the name of a floating dtype.

    Returns:
        Shape (k + 2,) each, 0 at rank 0; discounts at rank k + 1 are 0.
    """
    ranks = np.arange(1, k + 1, dtype=np.longdouble)
    exact = np.concatenate([[0.0], 1 / np.log2(ranks + 1), [0.0]])
    sums = np.cumsum(exact)
    high = sums.astype(dtype)
    return exact.astype(dtype), high, (sums - high).astype(dtype)


def ideal(gains_QR: Array, k: int, xp: ArrayNamespace) -> Array:
    """The largest sum of gain / log2(rank + 1) over the first k ranks, (Q,).

    It is that of the candidates in the order of their gains (Järvelin and Kekäläinen, 2002).

    Args:
        gains_QR: the gains of a query's relevant candidates, 0 where there is none, (Q, R).
        k: the last rank that counts.
        xp: the Array API namespace.
    """
    k = min(k, gains_QR.shape[1])
    discounts_T = discount_tables(k, dtype_name(gains_QR))[0][1 : k + 1]
    best_QR = -xp.sort(-gains_QR, axis=1)[:, :k]
    return xp.sum(best_QR * xp.asarray(discounts_T, device=device(gains_QR))[None, :], axis=1)


def dtype_name(like: Array) -> str:
    """The name of the dtype of an array of any shape, such as "float32"."""
    return str(like.dtype).rpartition(".")[2]


def table_values(table_T: AnyArray, places: Array, like: Array, xp: ArrayNamespace) -> Array:
    """The entries of a table on the host at places of any shape, on the device of `like`.

    Args:
        table_T: shape (T,).
        places: integers, any shape.
        like: any shape.
        xp: the Array API namespace.

    Returns:
        The shape of `places`.
    """
    there_T = xp.asarray(table_T, device=device(like))
    return xp.reshape(xp.take(there_T, xp.reshape(places, (-1,))), places.shape)
