"""From the gradients by a tile's logits to those by products of given rows, by factors and scale.

It is the transpose of `gcl_spec.loss.tiled.tile_logits`: where a mixed row's logits are
f s_a + g s_b there, its gradients go to those of a and b, times f and g, here. The equations stand
in the head of `gcl_spec.loss.tiled.tile_softmax`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.loss.tiled.tile_logits import LN2, BlockMap, Layout, Logits, Side, factors_of

__all__ = ["Gradients", "TileGrads", "by_one_factor", "pull_back"]


class Gradients(NamedTuple):
    """The gradients of a whole problem, which the second pass over its tiles gives."""

    rows: tuple[Array, ...]
    """(B, D), the gradients by the given rows of each kind."""
    mix: Array | None
    """(F, 1, B) or (F, 2, B), the gradient by factors of mixed rows; None where none is mixed."""
    log_scale: Array
    """The gradient by the logarithm of the scale, shape (), or by that of each place, (S,)."""
    damp: Array | None = None
    """(B, F), the gradient by the captions' features, where it is asked for."""
    shift: Array | None = None
    """(S,), the gradient by each place's shift of a sigmoid's logits; None without shifts."""


class TileGrads(NamedTuple):
    """What a tile adds to the gradients."""

    products: BlockMap
    """G, (Ta, Tb) for each two kinds of given rows: the gradient by their products."""
    mix_a: Array | None
    """(F, 1, Ta) or (F, 2, Ta), the gradient by the factors of side a's mixed rows, None where none
    is mixed; with a single factor for both parts it is times that factor."""
    mix_b: Array | None
    """(F, 1, Tb) or (F, 2, Tb), the same of side b; None for the tile of one side with itself."""
    log_scale: Array
    """The gradient by the logarithm of the scale, shape (), or by that of each place, (S,)."""
    damp: Array | None = None
    """(Ta, Tb), the gradient by the dot products of captions' features; None without features."""
    shift: Array | None = None
    """(S,), the gradient by each place's shift of a sigmoid's logits; None without shifts."""


def pull_back(
    p: BlockMap, s: Logits, a: Side, b: Side, layout: Layout, same: bool, xp: ArrayNamespace
) -> TileGrads:
    """The gradients by products, factors and scale that follow from those by the logits.

    They are derived here, by the chain rule.

    Args:
        p: D = d loss / d logits, (Ta, Tb) for each two modalities; this uses the arrays up.
        s: the logits of the tile, (Ta, Tb) each, in units of ln 2.
        a: the first side, of Ta samples.
        b: the second side, of Tb samples.
        layout: the static part of the problem.
        same: whether the two sides are one; then `p` counts every pair twice, once in each order.
        xp: the Array API namespace of the arrays.
    """
    mix_a = _grad_of_factors(p, s.all, s.half, a, layout, 1, xp)
    half: BlockMap = {}
    for (m, n), block in p.items():
        _fold(half, [(c, n) for c in layout.of(m)], block, m, a, layout, 1)
    mix_b = None if same else _grad_of_factors(half, s.half, s.products, b, layout, 0, xp)
    products: BlockMap = {}
    for (c, n), block in half.items():
        _fold(products, [(c, k) for k in layout.of(n)], block, n, b, layout, 0)
    total = xp.sum(_added([d * s.products[at] for at, d in products.items()]))
    return TileGrads(products, mix_a, mix_b, total * (0.5 * LN2 if same else LN2))


def by_one_factor(by_mix: Array, mix: Any, xp: ArrayNamespace) -> Array:
    """The gradients by single factors, (F, 1, B), from those times the factors; 0 where these are.

    Args:
        by_mix: the gradients of `TileGrads`, times the factors, (F, 1, B).
        mix: the factors, (F, 1, B).
        xp: the Array API namespace of the arrays.
    """
    zero = mix == 0
    return xp.where(zero, 0 * by_mix, by_mix / xp.where(zero, 1 + mix, mix))


def _fold(
    into: BlockMap,
    keys: Sequence[tuple[int, int]],
    block: Array,
    m: int,
    side: Side,
    layout: Layout,
    axis: int,
) -> None:
    """Add `block`, (Ta, Tb), to its part, or to both parts with their factors."""
    if len(keys) == 1:
        if keys[0] in into:
            into[keys[0]] += block
        else:
            into[keys[0]] = block
        return
    factor = factors_of(m, side, layout, axis)
    scaled = block * factor[0]
    shares = [scaled, scaled if layout.factors == 1 else block * factor[1]]
    for key, share in zip(keys, shares, strict=True):
        if key in into:
            into[key] += share
        else:
            into[key] = share + 0.0  # a copy: the other part may hold the same array


def _grad_of_factors(
    d: BlockMap,
    whole: BlockMap,
    parts: BlockMap,
    side: Side,
    layout: Layout,
    axis: int,
    xp: ArrayNamespace,
) -> Array | None:
    """d loss / d factors of the rows (axis 1) or columns (axis 0), (F, 1, T) or (F, 2, T).

    Each `d`, (Ta, Tb), is the gradient by its block in `whole`, whose mixed rows or columns are
    made of those in `parts`. With one factor for both parts the gradient is times that factor,
    which `whole` holds already.
    """
    at = 1 - axis
    gradients = []
    for m, part in enumerate(layout.parts):
        if isinstance(part, int):
            continue
        keys = [key for key in d if key[at] == m]
        if layout.factors == 1:
            sources = [[whole[key] for key in keys]]
        else:
            sources = [[parts[(c, n) if axis == 1 else (row, c)] for row, n in keys] for c in part]
        gradients.append([_dots([d[key] for key in keys], x, axis, side, xp) for x in sources])
    return xp.stack([xp.stack(rows) for rows in gradients]) if gradients else None


def _dots(
    x: Sequence[Array], y: Sequence[Array], axis: int, side: Side, xp: ArrayNamespace
) -> Array:
    """The sum over blocks of the sums of x * y, (Ta, Tb) each, along an axis: (T,)."""
    if not x:  # this mixture is in no asked block
        return xp.zeros_like(side.mix[0][0])
    return xp.sum(_added([u * v for u, v in zip(x, y, strict=True)]), axis=axis)


def _added(x: Sequence[Array]) -> Array:
    """The sum of arrays of one shape, before it is reduced: compilers make one reduction of it."""
    return sum(x[1:], start=x[0])
