"""The sums of rows: what tiles add up in the first pass, and the weights of the second.

Between the two passes the sums of all rows become `Blocks`, of which the framework makes the loss,
and its derivatives by these become the weights of tiles. The equations stand in
`gcl_spec.loss.tiled.tile_softmax`.
"""

from collections.abc import Sequence
from math import log2
from typing import NamedTuple

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.loss.problem import Blocks
from gcl_spec.loss.tiled.log_sums import LogSums, log_add
from gcl_spec.loss.tiled.tile_logits import LN2, exp2

__all__ = [
    "Derivatives",
    "Own",
    "RowSums",
    "Sums",
    "Weights",
    "add_own",
    "add_sums",
    "arrays_of",
    "blocks_of",
    "sums_of",
    "tile_weights",
]


class Own(NamedTuple):
    """The sums over the positives of rows, (K, T) each."""

    logs: LogSums
    """(K, T), log2 sum exp2 of the logits."""
    linear: Array
    """(K, T), the sum of the logits."""
    count: Array
    """(K, T), the number of positives."""


def add_own(x: Own | None, y: Own | None, xp: ArrayNamespace) -> Own | None:
    """The sums over the positives of two parts, (K, T) each, added; either part may be None."""
    if x is None or y is None:
        return y if x is None else x
    return Own(log_add(x.logs, y.logs, xp), x.linear + y.linear, x.count + y.count)


class Sums(NamedTuple):
    """What a tile adds to the sums of the rows of a and of b, (K, Ta) and (K, Tb).

    The sums of b are None for the tile of one side with itself. Those over positives are None
    where the own sample is the single one: `gcl_spec.loss.tiled.own_logits` computes those.
    """

    others_a: Array | LogSums
    """(K, Ta), sums of exp2(logit - shift) over other samples' rows; with no shift their logs; of a
    sigmoid's problem the sums of softplus(logit)."""
    others_b: Array | LogSums | None
    """(K, Tb), the same sums for b's rows."""
    own_a: Own | None = None
    """The sums over the positives of a's rows."""
    own_b: Own | None = None
    """The sums over the positives of b's rows."""


class Weights(NamedTuple):
    """The derivatives of the loss by the sums of one side's rows, (K, T) each, or K of (T,).

    The derivative by a logit x of a row is others * exp2(x - others_top) where the samples differ,
    and own * exp2(x - own_top) + mean where they are one, or positives.
    """

    others: Array
    """(K, T), g^others 2^-rest."""
    others_top: Array
    """(K, T), the top of the log-sum; a shared shift, where there is one, stands in its place."""
    own: Array
    """(K, T), g^own 2^-rest; 0 of a single positive, whose share of its own sum is 1."""
    own_top: Array
    """(K, T), the top of the log-sum over positives."""
    mean: Array
    """(K, T), g^mean / |P|; of a single positive g^own is added to it."""


class RowSums(NamedTuple):
    """The sums of all rows of a batch, (K, B) each, in units of ln 2."""

    others: LogSums
    """log2 sum exp2 of the logits over other samples' rows; of a sigmoid's problem `top` is the sum
    of softplus(logit), and `rest` is 0."""
    own: Own
    """The sums over positives."""


def add_sums(x: RowSums, y: RowSums, xp: ArrayNamespace, *, linear: bool) -> RowSums:
    """The sums of two parts of a batch's pairs together, (K, B) each.

    Args:
        x: the sums of one part.
        y: those of the other.
        xp: the Array API namespace of the arrays.
        linear: whether those over others are a sigmoid's, which are no logarithms.
    """
    own = Own(
        log_add(x.own.logs, y.own.logs, xp),
        x.own.linear + y.own.linear,
        x.own.count + y.own.count,
    )
    if linear:
        return RowSums(LogSums(x.others.top + y.others.top, x.others.rest), own)
    return RowSums(log_add(x.others, y.others, xp), own)


def arrays_of(sums: RowSums) -> tuple[Array, ...]:
    """The six arrays of the sums, (K, B) each, to keep or to send; `sums_of` takes them back."""
    return (*sums.others, *sums.own.logs, sums.own.linear, sums.own.count)


def sums_of(arrays: Sequence[Array]) -> RowSums:
    """The sums whose six arrays, (K, B) each, `arrays_of` has given."""
    return RowSums(LogSums(*arrays[:2]), Own(LogSums(*arrays[2:4]), *arrays[4:]))


def blocks_of(sums: RowSums, xp: ArrayNamespace) -> Blocks:
    """The sums in natural units, (K, B) each, with the mean of the positives' logits."""
    count = sums.own.count
    mean = sums.own.linear / xp.where(count > 0, count, xp.ones_like(count))
    others, own = (LN2 * (x.top + x.rest) for x in (sums.others, sums.own.logs))
    return Blocks(others, own, LN2 * mean)


class Derivatives(NamedTuple):
    """The weights that the second pass starts from, and the factor that they lack."""

    weights: Weights
    """The derivatives by the sums of all rows, (K, B) each, divided by `factor`."""
    factor: Array
    """A power of 2, 0-d: however small the gradients are, their shares are normal numbers."""


def tile_weights(
    gradients: Blocks, sums: RowSums, one: bool, dtype: object, xp: ArrayNamespace
) -> Derivatives:
    """The weights of all tiles in the second pass: the derivatives by `blocks_of(sums)`.

    Args:
        gradients: d loss / d blocks, (K, B) each, in natural units.
        sums: the sums of the first pass, (K, B) each.
        one: whether every row has a single positive (`Problem.own_is_one`).
        dtype: the dtype of the weights, that of the rows.
        xp: the Array API namespace of the arrays.
    """
    factor = _size(gradients, xp)
    # In the factor's dtype: a framework may divide narrower arrays in theirs, where it may be 0.
    gradients = Blocks(*(xp.astype(x, factor.dtype) / factor for x in gradients[:3]))
    count = sums.own.count
    mean = gradients.mean / xp.where(count > 0, count, xp.ones_like(count))
    own = gradients.own
    if one:
        mean, own = mean + own, 0 * own
    weight_arrays = (
        _by_terms(gradients.others, sums.others, dtype, xp),
        _or_inf(sums.others.top, xp),
        _by_terms(own, sums.own.logs, dtype, xp),
        _or_inf(sums.own.logs.top, xp),
        mean,
    )
    return Derivatives(Weights(*(xp.astype(x, dtype) for x in weight_arrays)), factor)


def _size(gradients: Blocks, xp: ArrayNamespace) -> Array:
    """The power of 2 below the largest of the gradients, 0-d; 1 where all are 0."""
    dtype = gradients.mean.dtype
    largest = xp.max(xp.stack([xp.astype(xp.max(xp.abs(x)), dtype) for x in gradients[:3]]))
    some = largest > 0
    power = exp2(xp.floor(xp.log2(xp.where(some, largest, xp.ones_like(largest)))), xp)
    return xp.where(some & xp.isfinite(power) & (power > 0), power, xp.ones_like(power))


def _by_terms(gradient: Array, logs: LogSums, dtype: object, xp: ArrayNamespace) -> Array:
    """The derivative by a term in units of exp2(top), g 2^-rest: (K, B), like the gradient g."""
    # Where the exponent is larger the block's share of every log-sum is 0.
    most = log2(float(xp.finfo(dtype).max)) - 8
    exponent = xp.where(logs.rest > -xp.inf, -logs.rest, xp.zeros_like(logs.rest))
    return gradient * exp2(xp.where(exponent < most, exponent, most), xp)


def _or_inf(top: Array, xp: ArrayNamespace) -> Array:
    """The tops, (K, B), infinite for an empty sum, so that no term has a share of it."""
    return xp.where(top > -xp.inf, top, xp.inf)
