"""Bootstrap means, sign flips and corrected p-values of paired differences.

All of it depends on the differences alone, not on the order of a task's queries, and what it gives
for the negated differences is exactly the mirror image.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from gcl_spec._typing import FloatArray

__all__ = ["DRAWS", "bootstrap_means", "flipped_means", "holm", "interval", "p_value"]

DRAWS = 10_000
"""The number of resamples, and of random signs where not all of them are tried."""

_ALL_SIGNS = 16
"""Where at most so many queries differ, every combination of signs is tried."""
_FEW = 256
"""Of at most so many different values, resamples are drawn as counts of each value."""
_BLOCK = 2**22
_ROUNDING = 1e-12
_SEED = 20_250_925


def bootstrap_means(deltas: Sequence[FloatArray], draws: int = DRAWS) -> list[FloatArray]:
    """The means of resamples of each task's queries, drawn with replacement (Efron, 1979).

    Args:
        deltas: the differences of each task's queries, (Q,) each.
        draws: how many resamples, an even number.

    Returns:
        Shape (draws,) for each task; those of two tasks are independent.
    """
    sign = next((side for delta_Q in deltas if (side := _side(delta_Q))), 0)
    means = []
    for stream, delta_Q in enumerate(deltas):
        rng = np.random.default_rng([_SEED, stream])
        if sign:
            means.append(sign * _means(np.sort(sign * delta_Q), draws, rng))
        else:  # as often up as down: half of the resamples are the others' mirror image
            half_H = _means(np.sort(delta_Q), draws // 2, rng)
            means.append(np.concatenate([half_H, -half_H]))
    return means


def flipped_means(deltas: Sequence[FloatArray], weights: Sequence[float]) -> tuple[FloatArray, int]:
    """The weighted sum of the tasks' means, had every difference had a random sign.

    With few queries that differ, all combinations of signs are there (Fisher's exact test); else
    `DRAWS` random ones (Smucker, Allan and Carterette, CIKM 2007).

    Args:
        deltas: the differences of each task's queries, (Q,) each.
        weights: of the tasks' means.

    Returns:
        The sums, shape (D,), and how many more to count as at least as far from 0: 1 for random
        signs, since those that were seen are a draw too, 0 where all combinations are there.
    """
    parts = [np.abs(d_Q) * (w / len(d_Q)) for d_Q, w in zip(deltas, weights, strict=True)]
    every_P = np.sort(np.concatenate(parts))
    every_P = every_P[every_P > 0]
    if len(every_P) <= _ALL_SIGNS:
        sums = np.zeros(1)
        for value in every_P:
            sums = np.concatenate([sums + value, sums - value])
        return sums, 0
    values_V, counts_V = np.unique(every_P, return_counts=True)
    rng = np.random.default_rng(_SEED)
    if len(values_V) <= _FEW:
        ups_DV = rng.binomial(counts_V, 0.5, (DRAWS, len(values_V)))
        return (2.0 * ups_DV - counts_V) @ values_V, 1

    def signs(count: int) -> FloatArray:
        bits = np.unpackbits(rng.integers(0, 256, (count, -(-len(every_P) // 8)), np.uint8), axis=1)
        return (2.0 * bits[:, : len(every_P)] - 1.0) @ every_P

    return _in_blocks(signs, DRAWS, len(every_P)), 1


def interval(draws_D: FloatArray, level: float = 0.95) -> tuple[float, float]:
    """The percentile interval: between its bounds lies `level` of the draws, (D,).

    >>> interval(np.arange(101.0), 0.5)
    (25.0, 75.0)
    """
    outside = (1 - level) / 2
    # The upper bound is the lower one of the mirror image, to the last digit.
    low, high = np.quantile(draws_D, outside), -np.quantile(-draws_D, outside)
    return float(low), float(high)


def p_value(flipped: tuple[FloatArray, int], difference: float) -> float:
    """The share of sums of `flipped_means` that are as far from 0 as the difference that was seen.

    Args:
        flipped: what `flipped_means` gave: sums, (D,), and a number.
        difference: the weighted sum that was seen.
    """
    sums_D, more = flipped
    extreme = int(np.count_nonzero(np.abs(sums_D) >= abs(difference) - _ROUNDING))
    return (extreme + more) / (len(sums_D) + more)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values corrected for their number, in their order (Holm, 1979).

    The k-th smallest of n is multiplied by n + 1 - k, and is at least the one before.

    >>> holm([0.01, 0.5, 0.02])
    [0.03, 0.5, 0.04]
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for place, number in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - place) * p_values[number]))
        corrected[number] = highest
    return corrected


def _side(deltas_Q: FloatArray) -> int:
    """A sign, 1 or -1, that turns with the differences; 0 where negating them changes nothing."""
    for up, down in zip(np.sort(deltas_Q), np.sort(-deltas_Q), strict=True):
        if up != down:
            return 1 if up > down else -1
    return 0


def _means(sorted_Q: FloatArray, draws: int, rng: np.random.Generator) -> FloatArray:
    count = len(sorted_Q)
    values_V, counts_V = np.unique(sorted_Q, return_counts=True)
    if len(values_V) == 1:
        return np.full(draws, values_V[0])
    if len(values_V) <= _FEW:
        return rng.multinomial(count, counts_V / count, draws) @ values_V / count

    def means(some: int) -> FloatArray:
        means_D: FloatArray = sorted_Q[rng.integers(0, count, (some, count))].mean(axis=1)
        return means_D

    return _in_blocks(means, draws, count)


def _in_blocks(draw: Callable[[int], FloatArray], draws: int, width: int) -> FloatArray:
    """The draws of several calls, each of about as many numbers as fit 64 MB."""
    step = max(1, _BLOCK // max(1, width))
    bounds = [*range(0, draws, step), draws]
    return np.concatenate([draw(stop - start) for start, stop in pairwise(bounds)])
