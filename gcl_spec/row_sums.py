"""The sums of all rows between the two passes: to `Blocks`, and back to weights of tiles."""

from math import log2
from typing import NamedTuple

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.blocks import Blocks
from gcl_spec.gram import LN2
from gcl_spec.softmax_tiles import Own, Weights

__all__ = ["RowSums", "blocks_of", "log2_sum", "log_add", "weights_of"]


class RowSums(NamedTuple):
    """The log-sums of all rows, (K, B) each, in units of ln 2; of `own` see `softmax_tiles.Own`."""

    others: Array
    own: Own


def blocks_of(sums: RowSums, xp: ArrayNamespace) -> Blocks:
    """The sums in natural units, as `gcl_spec.blocks` wants them."""
    count = sums.own.count
    some = count > 0
    mean = sums.own.linear / xp.where(some, count, xp.ones_like(count))
    return Blocks(sums.others * LN2, sums.own.log_sum * LN2, mean * LN2)


def weights_of(
    gradients: Blocks,
    sums: RowSums,
    shift: float | Array | None,
    one: bool,
    dtype: object,
    xp: ArrayNamespace,
) -> Weights:
    """The derivatives by `blocks_of(sums)` as the second pass wants them.

    one: has every row a single positive (`Problem.own_is_one`)?
    """
    others, others_log = gradients.others, sums.others
    count = sums.own.count
    mean = gradients.mean / xp.where(count > 0, count, xp.ones_like(count))
    own, own_log = gradients.own, sums.own.log_sum
    if one:
        mean, own = mean + own, 0 * own
    if shift is not None:
        # Where the exponent is larger the block's share of every log-sum is 0.
        most = log2(float(xp.finfo(dtype).max)) - 8
        exponent = xp.where(others_log > -xp.inf, shift - others_log, 0.0)
        others = others * xp.exp(LN2 * xp.where(exponent < most, exponent, most))
    found = (others, _or_inf(others_log, xp), own, _or_inf(own_log, xp), mean)
    return Weights(*(xp.astype(x, dtype) for x in found))


def _or_inf(log_sum: Array, xp: ArrayNamespace) -> Array:
    """Infinite for an empty sum, so that no term has a share of it."""
    return xp.where(log_sum > -xp.inf, log_sum, xp.inf)


def log2_sum(x: Array, xp: ArrayNamespace) -> Array:
    """log2 x; -inf, without a warning, for 0."""
    some = x > 0
    return xp.where(some, xp.log2(xp.where(some, x, xp.ones_like(x))), -xp.inf)


def log_add(x: Array, y: Array, xp: ArrayNamespace) -> Array:
    """log2(2**x + 2**y), also of infinite ones."""
    top = xp.maximum(x, y)
    top = xp.where(top > -xp.inf, top, xp.zeros_like(top))
    return log2_sum(xp.exp(LN2 * (x - top)) + xp.exp(LN2 * (y - top)), xp) + top
