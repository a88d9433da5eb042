"""Logarithms of sums of exponentials, in units of ln 2, each of them as two numbers.

log2 sum exp2(x) = top + rest, where top is the largest x and rest is what is left. One number would
lose the digits of the rest where logits are large, and with them those of the shares
exp2(x - top) / exp2(rest). The running maximum is that of the online softmax (arXiv 1805.02867).
"""

from collections.abc import Callable
from typing import NamedTuple

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.loss.tiled.tile_logits import exp2

__all__ = ["LogSums", "log2_sum", "log_add", "log_sum_over"]


class LogSums(NamedTuple):
    """The logarithms top + rest, two arrays of any shape; both are -inf for an empty sum."""

    top: Array
    """The largest term, or a shift that is near it; of any shape."""
    rest: Array
    """log2 of the sum in units of exp2(top), of the same shape."""


def log2_sum(x: Array, xp: ArrayNamespace) -> Array:
    """log2 x of an array of any shape; it is -inf, without a warning, for 0."""
    some = x > 0
    return xp.where(some, xp.log2(xp.where(some, x, xp.ones_like(x))), -xp.inf)


def log_add(x: LogSums, y: LogSums, xp: ArrayNamespace) -> LogSums:
    """The logarithms of the sums of two sums' terms, in the shape of both."""
    top = xp.maximum(x.top, y.top)
    return LogSums(top, log2_sum(_above(x, top, xp) + _above(y, top, xp), xp))


def log_sum_over(
    x: LogSums,
    largest: Callable[[Array], Array],
    total: Callable[[Array], Array],
    xp: ArrayNamespace,
) -> LogSums:
    """The logarithms of the sums of all processes' terms, in the shape of each.

    Args:
        x: this process's logarithms.
        largest: the largest of the processes' values in each place of an array.
        total: the sum of the processes' arrays.
        xp: the Array API namespace of the arrays.
    """
    top = largest(x.top)
    return LogSums(top, log2_sum(total(_above(x, top, xp)), xp))


def _above(x: LogSums, top: Array, xp: ArrayNamespace) -> Array:
    """The sum whose logarithm is given, in units of exp2(top), in the shape of both."""
    return exp2(x.top - xp.where(top > -xp.inf, top, xp.zeros_like(top)) + x.rest, xp)
