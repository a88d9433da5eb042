"""Logits of each sample's own rows with each other, which take O(B D) time and need no tile.

In a trained model the loss is all in their differences, which the rounding of float32 products
would drown: tiles have these logits from here, in float64 where there is such a format.
"""

from collections.abc import Sequence
from itertools import combinations_with_replacement
from math import inf
from typing import Any

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.loss.problem import Problem
from gcl_spec.loss.tiled.log_sums import LogSums
from gcl_spec.loss.tiled.row_sums import Own

__all__ = ["OwnDots", "own_sums"]


class OwnDots:
    """The logits scale * e_m . e_n of each sample's own rows, (B,), from those of the given rows.

    Args:
        problem: the rows, (B, D) each, and the factors of mixed ones.
        scale: the factor of the dot products, a number or 0-d.
        xp: the Array API namespace of the arrays.
        dtype: the dtype to compute in; None: that of the rows.
        step: the samples that are computed at a time; None: all.
    """

    def __init__(
        self,
        problem: Problem,
        scale: Array | float,
        xp: ArrayNamespace,
        dtype: Any = None,
        step: int | None = None,
    ) -> None:
        self._problem, self._scale, self._xp = problem, scale, xp
        self._dtype = problem.rows[0].dtype if dtype is None else dtype
        size = problem.rows[0].shape[0]
        step = step or max(size, 1)
        starts = range(0, max(size, 1), step)  # one part at least, though it may be empty
        parts = [self._products(slice(at, min(at + step, size))) for at in starts]
        self._dots = {
            key: parts[0][key] if len(parts) == 1 else xp.concat([part[key] for part in parts])
            for key in parts[0]
        }
        self._factors = [self._precise(m) for m in range(len(problem.parts))]
        self._made: dict[tuple[int, int], Array] = {}

    def _products(self, at: slice) -> dict[tuple[int, int], Array]:
        """The products of every two kinds of given rows, (T,) for the T samples of a slice."""
        xp = self._xp
        rows = [xp.astype(x[at, :], self._dtype, copy=False) for x in self._problem.rows]
        # The scale first: products of tiny rows would underflow without it.
        scaled = [self._scale * x for x in rows]
        pairs = combinations_with_replacement(range(len(rows)), 2)
        return {(c, k): xp.sum(scaled[c] * rows[k], axis=-1) for c, k in pairs}

    def __call__(self, m: int, n: int) -> Array:
        """The logits, (B,), of modalities m and n, made once for both orders."""
        at = min(m, n), max(m, n)
        if at not in self._made:
            one, two = (self._factors[k] for k in at)
            parts = [f * g * self._given(c, k) for c, f in one for k, g in two]
            self._made[at] = sum(parts[1:], start=parts[0])
        return self._made[at]

    def _precise(self, m: int) -> tuple[tuple[int, Any], ...]:
        """The parts of modality m with factors, (B,), that make a unit row to the last digit."""
        factors = self._problem.factors(m)
        if len(factors) == 1:
            return factors
        xp = self._xp
        (a, f), (b, g) = ((c, xp.astype(x, self._dtype)) for c, x in factors)
        square = f * f * self._given(a, a) + 2 * f * g * self._given(a, b)
        square = (square + g * g * self._given(b, b)) / self._scale
        # It is not near 1 where rows are absent, or where the two parts sum to 0.
        near = xp.abs(square - 1) < 1e-3
        unit = 1 / xp.sqrt(xp.where(near, square, xp.ones_like(square)))
        return (a, f * unit), (b, g * unit)

    def _given(self, c: int, k: int) -> Array:
        """The products, (B,), of the given rows of kinds c and k."""
        return self._dots[min(c, k), max(c, k)]


def own_sums(
    problem: Problem,
    scale: Array | float,
    xp: ArrayNamespace,
    *,
    dtype: Any = None,
    step: int | None = None,
    ratios: Sequence[Any] = (1.0,),
) -> Own:
    """The sums over every row's single positive, (K, B); they are empty where it is not present.

    Args:
        problem: the rows, (B, D) each, and the blocks that are asked for.
        scale: the factor of the dot products, a number or 0-d, which gives the unit of the sums.
        xp: the Array API namespace of the arrays.
        dtype: the dtype to compute in; None: that of the rows.
        step: the samples that are computed at a time; None: all.
        ratios: the scale of each place as a part of `scale`, numbers or 0-d.
    """
    dots = OwnDots(problem, scale, xp, dtype, step)
    every = [dots(m, n) for m, n in problem.blocks]
    if problem.places:
        every = [x * ratios[place] for x, place in zip(every, problem.places, strict=True)]
    linear = xp.stack(every)
    if problem.damp is not None:
        damp = xp.astype(problem.damp, linear.dtype)
        damping = 1 - xp.sum(damp * damp, axis=-1)
        within = [damping if m == n else xp.ones_like(damping) for m, n in problem.blocks]
        linear = linear * xp.stack(within)
    zero = xp.zeros_like(linear)
    if problem.present is None:
        return Own(LogSums(linear, zero), linear, xp.ones_like(linear))
    here = xp.stack([problem.present[n, ...] for _, n in problem.blocks])
    top, linear = xp.where(here, linear, -inf), xp.where(here, linear, zero)
    return Own(LogSums(top, zero), linear, xp.astype(here, linear.dtype))
