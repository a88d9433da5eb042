"""The logits of a tile at every scale that is asked for, and the way back to those of one scale.

Products are computed once, at the largest scale. A *place* c (`gcl_spec.loss.places`) has a scale
that is a part r_c of the largest, and a sigmoid's place a shift b_c besides:

    x^(m,n,c)_jk = r_c x^(m,n)_jk  (+ b_c).

Hence with D^(m,n,c) = d loss / d x^(m,n,c), as `gcl_spec.loss.tiled.tile_softmax` computes it,

    logits    D^(m,n)_jk          = sum_c r_c D^(m,n,c)_jk
    scales    dL/d ln(scale_c)    = sum over all pairs of D^(m,n,c)_jk r_c s^(m,n)_jk
    shifts    dL/d b_c            = sum over all pairs of negatives of D^(m,n,c)_jk.

A sigmoid's sum has softplus(x) in place of exp(x) for each negative, and no logarithm; D is
g sigmoid(x), whose positives have no part in the sum (SigLIP, arXiv 2303.15343).
"""

from math import log2
from typing import Any, NamedTuple, TypeAlias

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.loss.problem import Problem
from gcl_spec.loss.tiled.tile_logits import LN2, BlockMap, Key, Layout, exp2
from gcl_spec.loss.unstack import unstack

__all__ = [
    "ONE",
    "PlacedMap",
    "Scales",
    "at_places",
    "by_base",
    "by_scales",
    "by_shifts",
    "scales_of",
    "sigmoid",
    "softplus",
]

PlacedMap: TypeAlias = dict[Key, Array]
"""One matrix, (Ta, Tb), for each query modality, pool modality and place."""


class Scales(NamedTuple):
    """The scales of all places, as parts of the largest, and the shifts of a sigmoid's logits."""

    ratios: tuple[Any, ...] = (1.0,)
    """S numbers or 0-d arrays: each scale, divided by the largest."""
    shifts: tuple[Any, ...] | None = None
    """S numbers or 0-d arrays, in units of ln 2; None where nothing is shifted."""


ONE = Scales()
"""One scale for all blocks, and no shift."""


def scales_of(
    problem: Problem, scale: Array, xp: ArrayNamespace, *, on_host: bool = False
) -> tuple[Any, Scales]:
    """The largest scale, a number or 0-d, and the scales of a problem as parts of it.

    Args:
        problem: the problem, with the places of its blocks and the shifts of a sigmoid.
        scale: 1 / temperature, shape (), or one for each place, (S,).
        xp: the Array API namespace of the arrays.
        on_host: whether values can be read without waiting: they become numbers.
    """
    if problem.places:
        every = [float(x) for x in scale] if on_host else list(unstack(scale, xp))
        largest: Any = max(every) if on_host else xp.max(scale)
        ratios = tuple(x / largest for x in every)
    else:
        largest = float(scale) if on_host else scale
        ratios = (1.0,)
    if problem.shift is None:
        return largest, Scales(ratios)
    parts = list(unstack(problem.shift, xp)) if problem.shift.shape else [problem.shift]
    shifts = [(float(x) if on_host else x) / LN2 for x in parts]
    return largest, Scales(ratios, tuple(shifts * (len(ratios) if len(shifts) == 1 else 1)))


def at_places(s: BlockMap, layout: Layout, scales: Scales) -> PlacedMap:
    """The logits of every asked block and of its transpose, (Ta, Tb) each, at their places.

    Args:
        s: the logits at the largest scale, (Ta, Tb) for each two modalities.
        layout: the static part of the problem.
        scales: the scales of the places.
    """
    logits: PlacedMap = {}
    for m, n, c in layout.both:
        x = _times(s[m, n], scales.ratios[c])
        logits[m, n, c] = x if scales.shifts is None else x + scales.shifts[c]
    return logits


def by_base(p: PlacedMap, layout: Layout, scales: Scales) -> BlockMap:
    """The gradients by the logits at the largest scale, (Ta, Tb) each, from those at the places."""
    gradients: BlockMap = {}
    for m, n, c in layout.both:
        d = _times(p[m, n, c], scales.ratios[c])
        gradients[m, n] = gradients[m, n] + d if (m, n) in gradients else d
    return gradients


def by_scales(p: PlacedMap, s: BlockMap, scales: Scales, xp: ArrayNamespace) -> Array:
    """The gradients by the logarithms of the scales, (S,), in units of ln 2.

    Args:
        p: the gradients by the logits at their places, (Ta, Tb) each.
        s: the logits at the largest scale, (Ta, Tb) each.
        scales: the scales of the places.
        xp: the Array API namespace of the arrays.
    """
    place_sums = _by_place({(m, n, c): d * s[m, n] for (m, n, c), d in p.items()}, scales, xp)
    return xp.stack([ratio * x for ratio, x in zip(scales.ratios, place_sums, strict=True)])


def by_shifts(p: PlacedMap, scales: Scales, xp: ArrayNamespace) -> Array:
    """The gradients by the shifts, (S,), from those by the logits of negatives, (Ta, Tb) each."""
    return xp.stack(_by_place(p, scales, xp))


def softplus(x: Array, xp: ArrayNamespace) -> Array:
    """log(1 + exp(x ln 2)), of any shape, of a logit x in units of ln 2.

    It is derived here: with y = x ln 2 it is max(y, 0) + log(1 + exp(-|y|)), whose exponential
    cannot overflow. `logaddexp` is the same to the last digits, but XLA takes four times as long
    for it. Either side of 0 is one smooth function, so that derivatives of every order are right at
    0, too.
    """
    above = x > 0
    e = exp2(xp.where(above, -x, x), xp)
    return LN2 * xp.where(above, x, xp.zeros_like(x)) + xp.log1p(e)


def sigmoid(x: Array, xp: ArrayNamespace) -> Array:
    """The derivative 1 / (1 + exp(-x ln 2)) of `softplus`, of any shape.

    It is derived here: with y = x ln 2, d log(1 + exp(y)) / dy = exp(y) / (1 + exp(y)).

    JAX differentiates it for second derivatives, so no exponential of it may overflow: below the
    logarithm of the smallest normal number it stays at that number.
    """
    most = -log2(float(xp.finfo(x.dtype).smallest_normal))
    return 1 / (1 + exp2(xp.minimum(-x, xp.full_like(x, most)), xp))


def _by_place(terms: PlacedMap, scales: Scales, xp: ArrayNamespace) -> list[Array]:
    """The sums, (), of the arrays of each place, (Ta, Tb) each; a place of no block has 0.

    Arrays are added first: a compiler has one sum to make for each place, not for each block.
    """
    zero = xp.sum(xp.zeros_like(next(iter(terms.values()))))
    sums = []
    for place in range(len(scales.ratios)):
        arrays = [x for (_, _, c), x in terms.items() if c == place]
        sums.append(xp.sum(sum(arrays[1:], start=arrays[0])) if arrays else zero)
    return sums


def _times(x: Array, ratio: Any) -> Array:
    """The array, (Ta, Tb), times a number or 0-d; at 1 the array itself."""
    return x if isinstance(ratio, float) and ratio == 1.0 else x * ratio
