"""The sums of all rows between the two passes: to `Blocks`, and back to weights of tiles."""

from collections.abc import Sequence
from math import log2
from typing import NamedTuple

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.loss.problem import Blocks
from gcl_spec.loss.tiled.log_sums import LogSums
from gcl_spec.loss.tiled.tile_logits import LN2, exp2
from gcl_spec.loss.tiled.tile_softmax import Own, Weights

__all__ = ["Derivatives", "RowSums", "blocks_of", "parts_of", "sums_of", "weights_of"]


class RowSums(NamedTuple):
    """The sums of all rows, (K, B) each, in units of ln 2; see `softmax_tiles.Sums`."""

    others: LogSums
    own: Own


def parts_of(sums: RowSums) -> tuple[Array, ...]:
    """The six arrays, to keep or to send; `sums_of` takes them back."""
    return (*sums.others, *sums.own.logs, sums.own.linear, sums.own.count)


def sums_of(parts: Sequence[Array]) -> RowSums:
    """From the arrays of `parts_of`."""
    return RowSums(LogSums(*parts[:2]), Own(LogSums(*parts[2:4]), *parts[4:]))


def blocks_of(sums: RowSums, xp: ArrayNamespace) -> Blocks:
    """The sums in natural units, as `gcl_spec.loss.plain` wants them."""
    count = sums.own.count
    mean = sums.own.linear / xp.where(count > 0, count, xp.ones_like(count))
    others, own = (LN2 * (x.top + x.rest) for x in (sums.others, sums.own.logs))
    return Blocks(others, own, LN2 * mean)


class Derivatives(NamedTuple):
    """What the second pass starts from: weights, and a factor of all that they lead to."""

    weights: Weights
    factor: Array
    """A power of 2, 0-d: however small the gradients are, their shares are normal numbers."""


def weights_of(
    gradients: Blocks, sums: RowSums, one: bool, dtype: object, xp: ArrayNamespace
) -> Derivatives:
    """The derivatives by `blocks_of(sums)` as the second pass wants them.

    one: has every row a single positive (`Problem.own_is_one`)?
    """
    factor = _size(gradients, xp)
    # In the factor's dtype: a framework may divide narrower arrays in theirs, where it may be 0.
    gradients = Blocks(*(xp.astype(x, factor.dtype) / factor for x in gradients[:3]))
    count = sums.own.count
    mean = gradients.mean / xp.where(count > 0, count, xp.ones_like(count))
    own = gradients.own
    if one:
        mean, own = mean + own, 0 * own
    found = (
        _by_terms(gradients.others, sums.others, dtype, xp),
        _or_inf(sums.others.top, xp),
        _by_terms(own, sums.own.logs, dtype, xp),
        _or_inf(sums.own.logs.top, xp),
        mean,
    )
    return Derivatives(Weights(*(xp.astype(x, dtype) for x in found)), factor)


def _size(gradients: Blocks, xp: ArrayNamespace) -> Array:
    """The power of 2 below the largest of them; 1 where all are 0."""
    dtype = gradients.mean.dtype
    largest = xp.max(xp.stack([xp.astype(xp.max(xp.abs(x)), dtype) for x in gradients[:3]]))
    some = largest > 0
    power = exp2(xp.floor(xp.log2(xp.where(some, largest, xp.ones_like(largest)))), xp)
    return xp.where(some & xp.isfinite(power) & (power > 0), power, xp.ones_like(power))


def _by_terms(gradient: Array, logs: LogSums, dtype: object, xp: ArrayNamespace) -> Array:
    """The derivative by a term in units of exp2(top)."""
    # Where the exponent is larger the block's share of every log-sum is 0.
    most = log2(float(xp.finfo(dtype).max)) - 8
    exponent = xp.where(logs.rest > -xp.inf, -logs.rest, xp.zeros_like(logs.rest))
    return gradient * exp2(xp.where(exponent < most, exponent, most), xp)


def _or_inf(top: Array, xp: ArrayNamespace) -> Array:
    """Infinite for an empty sum, so that no term has a share of it."""
    return xp.where(top > -xp.inf, top, xp.inf)
