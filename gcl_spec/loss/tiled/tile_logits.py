"""One tile of the loss: logits of all blocks from few products, and the way back.

With score fusion, f = w (i + t), four dot products i.i, i.t, t.i, t.t give all nine similarities of
two samples, and the matrix of those four is symmetric. A tile holds the rows of two sets of samples
a and b; what it adds to a serves the directions from a to b, what it adds to b those from b to a.

Logits are in units of ln 2 (one side's rows are scaled by scale / ln 2): exp2 is cheaper than exp.
Blocks are kept apart, and updated in place only where nothing else refers to them, so that the same
code is efficient on frameworks with and without mutation. `gcl_spec.loss.tiled.loop` and the
backends loop over tiles.
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log
from typing import Any, NamedTuple

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.loss.problem import Part, Problem, place_of_mixed

__all__ = [
    "LN2",
    "Layout",
    "Side",
    "TileGrads",
    "exp2",
    "layout_of",
    "logits",
    "products",
    "pull_back",
]

LN2 = log(2)

BlockMap = dict[tuple[int, int], Array]


@dataclass(frozen=True)
class Layout:
    """What a tile has to compute; see `Problem` for `parts` and `blocks`. Hashable: static data."""

    parts: tuple[Part, ...]
    blocks: tuple[tuple[int, int], ...]
    rows: int
    """How many kinds of rows are given, C."""
    factors: int
    """Factors of a mixed row: 0 (none is mixed), 1 (both parts alike) or 2."""
    positives: bool
    """Are samples of equal ids each other's positives?"""

    @cached_property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Pairs of modalities whose logits are computed: both orders of the asked blocks."""
        both = {*self.blocks, *((n, m) for m, n in self.blocks)}
        return tuple(sorted(both))

    @cached_property
    def products(self) -> tuple[tuple[int, int], ...]:
        """Pairs of given rows whose dot products are needed."""
        return tuple(
            sorted({(c, k) for m, n in self.pairs for c in self.of(m) for k in self.of(n)})
        )

    @property
    def whole(self) -> bool:
        """Are all products of given rows needed?"""
        return len(self.products) == self.rows**2

    def of(self, m: int) -> tuple[int, ...]:
        """The given rows that modality m is made of: one, or two that are mixed."""
        part = self.parts[m]
        return (part,) if isinstance(part, int) else part


def layout_of(problem: Problem) -> Layout:
    """The static part of a problem."""
    return Layout(
        problem.parts,
        problem.blocks,
        len(problem.rows),
        0 if problem.mix is None else problem.mix.shape[1],
        not problem.own_is_one,
    )


class Side(NamedTuple):
    """The rows of one set of T samples, with what belongs to them."""

    z: Any
    """(C T, D): the given rows of each kind, one kind after the other, or a tuple of the kinds.

    Those of the first side of a tile are multiplied by scale / ln 2, and never a tuple."""
    mix: Any
    """(F, 1 or 2, T), or tuples: what is looked up often is cut only once. None: none is mixed."""
    present: Array | None
    """(M, T), of the rows' dtype: 1 or 0."""
    ids: Array | None
    """(T,)"""
    damp: Array | None = None
    """(T, F)"""

    def size(self, layout: Layout) -> int:
        """T"""
        if isinstance(self.z, tuple):
            return int(self.z[0].shape[0])
        return int(self.z.shape[0]) // layout.rows

    def kind(self, c: int, layout: Layout) -> Array:
        """(T, D): the given rows of kind c."""
        if isinstance(self.z, tuple):
            return self.z[c]
        size = self.size(layout)
        return self.z[c * size : (c + 1) * size, :]


class Logits(NamedTuple):
    """The similarities of two sides, in units of ln 2, (Ta, Tb) each."""

    products: BlockMap
    """By two kinds of given rows."""
    half: BlockMap
    """By a kind of given row of a and a modality of b."""
    all: BlockMap
    """By two modalities; these may be the same arrays as in the others."""


class TileGrads(NamedTuple):
    """What a tile adds to gradients; `mix_b` is None for the tile of one side with itself.

    damp: (Ta, Tb), by the dot products of the captions' features; None without such features.
    """

    products: BlockMap
    mix_a: Array | None
    mix_b: Array | None
    log_scale: Array
    damp: Array | None = None


def exp2(x: Array, xp: ArrayNamespace) -> Array:
    """2 to the power x; not in the Array API standard, but in every framework."""
    function = getattr(xp, "exp2", None)
    return xp.exp(x * LN2) if function is None else function(x)


def products(
    a: Side,
    b: Side,
    layout: Layout,
    xp: ArrayNamespace,
    multiply: Callable[[Array, Array], Array] = operator.matmul,
) -> BlockMap:
    """Dot products of the given rows of two sides, by their two kinds."""
    size_a, size_b = a.size(layout), b.size(layout)
    found: BlockMap = {}
    if layout.whole and isinstance(b.z, tuple):
        whole = [multiply(a.z, xp.matrix_transpose(z)) for z in b.z]
        for c, k in layout.products:
            found[c, k] = whole[k][c * size_a : (c + 1) * size_a, :]
    elif layout.whole:
        one = multiply(a.z, xp.matrix_transpose(b.z))
        for c, k in layout.products:
            rows, columns = slice(c * size_a, (c + 1) * size_a), slice(k * size_b, (k + 1) * size_b)
            found[c, k] = one[rows, columns]
    else:
        for c, k in layout.products:
            transposed = xp.matrix_transpose(b.kind(k, layout))
            found[c, k] = multiply(a.kind(c, layout), transposed)
    return found


def logits(given: BlockMap, a: Side, b: Side, layout: Layout, xp: ArrayNamespace) -> Logits:
    """All similarities that `layout` needs, from the `products` of two sides."""
    half: BlockMap = {}
    for m, n in layout.pairs:
        for c in layout.of(m):
            if (c, n) not in half:
                half[c, n] = _mixed([given[c, k] for k in layout.of(n)], n, b, layout, 0)
    all_ = {
        (m, n): _mixed([half[c, n] for c in layout.of(m)], m, a, layout, 1) for m, n in layout.pairs
    }
    return Logits(given, half, all_)


def _mixed(x: Sequence[Array], m: int, side: Side, layout: Layout, axis: int) -> Array:
    """The row itself, or the mixture of two parts; `axis` 0: of columns, 1: of rows."""
    if len(x) == 1:
        return x[0]
    factor = _factors(m, side, layout, axis)
    if layout.factors == 1:
        y = x[0] + x[1]
        y *= factor[0]
        return y
    y = x[0] * factor[0]
    y += x[1] * factor[1]
    return y


def _factors(m: int, side: Side, layout: Layout, axis: int) -> list[Array]:
    mix = side.mix[place_of_mixed(layout.parts, m)]
    return [mix[f][None, :] if axis == 0 else mix[f][:, None] for f in range(layout.factors)]


def pull_back(
    p: BlockMap, s: Logits, a: Side, b: Side, layout: Layout, same: bool, xp: ArrayNamespace
) -> TileGrads:
    """From d loss / d logits, whose arrays it uses up, to the gradients of products and factors.

    same: are the two sides one? Then `p` counts every pair twice, once in each order.
    """
    mix_a = _grad_of_factors(p, s.all, s.half, a, layout, 1, xp)
    half: BlockMap = {}
    for (m, n), block in p.items():
        _fold(half, [(c, n) for c in layout.of(m)], block, m, a, layout, 1)
    mix_b = None if same else _grad_of_factors(half, s.half, s.products, b, layout, 0, xp)
    products: BlockMap = {}
    for (c, n), block in half.items():
        _fold(products, [(c, k) for k in layout.of(n)], block, n, b, layout, 0)
    total = sum(xp.sum(d * s.products[at]) for at, d in products.items())
    return TileGrads(products, mix_a, mix_b, total * (0.5 * LN2 if same else LN2))


def _fold(
    into: BlockMap,
    keys: Sequence[tuple[int, int]],
    block: Array,
    m: int,
    side: Side,
    layout: Layout,
    axis: int,
) -> None:
    """The transpose of `_mixed`: add `block` to its part, or to both with their factors."""
    if len(keys) == 1:
        if keys[0] in into:
            into[keys[0]] += block
        else:
            into[keys[0]] = block
        return
    factor = _factors(m, side, layout, axis)
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
    """d loss / d factors of the rows (axis 1) or columns (axis 0), (F, 1 or 2, T).

    `d` is the gradient of `whole`, whose mixed rows or columns are made of those in `parts`. With
    one factor for both parts the gradient is times that factor, which `whole` holds already.
    """
    at = 1 - axis
    found = []
    for m, part in enumerate(layout.parts):
        if isinstance(part, int):
            continue
        keys = [key for key in d if key[at] == m]
        if layout.factors == 1:
            sources = [[whole[key] for key in keys]]
        else:
            sources = [[parts[(c, n) if axis == 1 else (row, c)] for row, n in keys] for c in part]
        found.append([_dots([d[key] for key in keys], x, axis, side, xp) for x in sources])
    return xp.stack([xp.stack(rows) for rows in found]) if found else None


def _dots(
    x: Sequence[Array], y: Sequence[Array], axis: int, side: Side, xp: ArrayNamespace
) -> Array:
    if not x:  # this mixture is in no asked block
        return xp.zeros_like(side.mix[0][0])
    return sum(xp.sum(u * v, axis=axis) for u, v in zip(x, y, strict=True))
