"""Logits of each sample's own rows with each other, which O(B D) finds: no tile is needed.

In a trained model the loss is all in their differences, which the rounding of float32 products
would drown: tiles have their values from here, in float64 where there is such a format.
"""

from dataclasses import replace
from math import inf
from typing import Any

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.blocks import Problem
from gcl_spec.log_sums import LogSums
from gcl_spec.softmax_tiles import Own

__all__ = ["OwnDots", "own_sums"]


class OwnDots:
    """e_m . e_n of one sample's rows, (B,), from the dot products of the given rows.

    dtype: to compute in; None: the rows'.
    """

    def __init__(self, problem: Problem, xp: ArrayNamespace, dtype: Any = None) -> None:
        self._problem, self._xp = problem, xp
        self._dtype = problem.rows[0].dtype if dtype is None else dtype
        self._dots: dict[tuple[int, int], Array] = {}
        self._factors = [self._precise(m) for m in range(len(problem.parts))]

    def __call__(self, m: int, n: int) -> Array:
        """For modalities m and n."""
        return sum(
            f * g * self._given(c, k) for c, f in self._factors[m] for k, g in self._factors[n]
        )

    def _precise(self, m: int) -> tuple[tuple[int, Any], ...]:
        """The parts of modality m with their factors, which make a unit row to the last digit."""
        factors = self._problem.factors(m)
        if len(factors) == 1:
            return factors
        xp = self._xp
        (a, f), (b, g) = ((c, xp.astype(x, self._dtype)) for c, x in factors)
        square = f * f * self._given(a, a) + 2 * f * g * self._given(a, b)
        square = square + g * g * self._given(b, b)
        # Of rows that are not there, or whose sum is nothing, it is not near 1.
        near = xp.abs(square - 1) < 1e-3
        unit = 1 / xp.sqrt(xp.where(near, square, xp.ones_like(square)))
        return (a, f * unit), (b, g * unit)

    def _given(self, c: int, k: int) -> Array:
        key = (min(c, k), max(c, k))
        if key not in self._dots:
            x, y = (self._xp.astype(self._problem.rows[i], self._dtype, copy=False) for i in key)
            self._dots[key] = self._xp.sum(x * y, axis=-1)
        return self._dots[key]


def own_sums(
    problem: Problem,
    scale: Array | float,
    xp: ArrayNamespace,
    *,
    dtype: Any = None,
    tile: int | None = None,
) -> Own:
    """The sums over every row's single positive; (K, B), 0 and empty where it is not present.

    scale: of the dot products, which gives the unit. dtype: as in `OwnDots`. tile: so many samples
    at a time.
    """
    size = problem.rows[0].shape[0]
    step = tile or size
    parts = [_part(problem, slice(at, min(at + step, size))) for at in range(0, size, step)]
    linear = xp.concat([_linear(part, scale, xp, dtype) for part in parts], axis=1)
    zero = xp.zeros_like(linear)
    if problem.present is None:
        return Own(LogSums(linear, zero), linear, xp.ones_like(linear))
    here = xp.stack([problem.present[n, ...] for _, n in problem.blocks])
    top, linear = xp.where(here, linear, -inf), xp.where(here, linear, zero)
    return Own(LogSums(top, zero), linear, xp.astype(here, linear.dtype))


def _part(problem: Problem, at: slice) -> Problem:
    return replace(
        problem,
        rows=tuple(x[at, :] for x in problem.rows),
        mix=None if problem.mix is None else problem.mix[:, :, at],
        damp=None if problem.damp is None else problem.damp[at, :],
    )


def _linear(problem: Problem, scale: Array | float, xp: ArrayNamespace, dtype: Any) -> Array:
    dots = OwnDots(problem, xp, dtype)
    linear = xp.stack([scale * dots(m, n) for m, n in problem.blocks])
    if problem.damp is None:
        return linear
    damp = xp.astype(problem.damp, linear.dtype)
    damping = 1 - xp.sum(damp * damp, axis=-1)
    within = [damping if m == n else xp.ones_like(damping) for m, n in problem.blocks]
    return linear * xp.stack(within)
