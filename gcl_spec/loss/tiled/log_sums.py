"""Logarithms of sums of exponentials, in units of ln 2, each of them as two numbers.

log2 sum exp2(x) = top + rest, where top is the largest x and rest what is left. Their sum would
lose rest's digits where logits are large, and with them the shares exp2(x - top) / exp2(rest).
"""

from collections.abc import Callable
from typing import NamedTuple

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.loss.tiled.tile_logits import exp2

__all__ = ["LogSums", "log2_sum", "log_add", "log_sum_over"]


class LogSums(NamedTuple):
    """top + rest, of the same shape; -inf in either for an empty sum."""

    top: Array
    rest: Array


def log2_sum(x: Array, xp: ArrayNamespace) -> Array:
    """log2 x; -inf, without a warning, for 0."""
    some = x > 0
    return xp.where(some, xp.log2(xp.where(some, x, xp.ones_like(x))), -xp.inf)


def log_add(x: LogSums, y: LogSums, xp: ArrayNamespace) -> LogSums:
    """Of the terms of both."""
    top = xp.maximum(x.top, y.top)
    return LogSums(top, log2_sum(_above(x, top, xp) + _above(y, top, xp), xp))


def log_sum_over(
    x: LogSums,
    largest: Callable[[Array], Array],
    total: Callable[[Array], Array],
    xp: ArrayNamespace,
) -> LogSums:
    """Of the terms of all processes, by their maximum and their sum."""
    top = largest(x.top)
    return LogSums(top, log2_sum(total(_above(x, top, xp)), xp))


def _above(x: LogSums, top: Array, xp: ArrayNamespace) -> Array:
    """The sum in units of exp2(top)."""
    return exp2(x.top - xp.where(top > -xp.inf, top, xp.zeros_like(top)) + x.rest, xp)
