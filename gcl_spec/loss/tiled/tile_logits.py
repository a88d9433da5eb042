"""One tile of the loss: logits of all blocks from few products, and the way back.

With score fusion, f = w (i + t), four dot products i.i, i.t, t.i, t.t give all nine similarities of
two samples, and the matrix of those four is symmetric. A tile holds the rows of two sets of samples
a and b; what it adds to a serves the directions from a to b, what it adds to b those from b to a.

The way back is `gcl_spec.loss.tiled.pull_back`, the transpose of the way here; the equations of
both stand in the head of `gcl_spec.loss.tiled.tile_softmax`.

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
from typing import Any, NamedTuple, TypeAlias

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.loss.problem import Part, Problem, place_of_mixed

__all__ = [
    "LN2",
    "BlockMap",
    "Key",
    "Layout",
    "Logits",
    "Side",
    "exp2",
    "factors_of",
    "layout_of",
    "logits",
    "products",
]

LN2 = log(2)

BlockMap = dict[tuple[int, int], Array]
"""One matrix, (Ta, Tb), for each pair of modalities, or of kinds of given rows."""
Key: TypeAlias = tuple[int, int, int]
"""A query modality, a pool modality, and the place of their scale."""


@dataclass(frozen=True)
class Layout:
    """What a tile has to compute: the static data of a problem, which can be hashed."""

    parts: tuple[Part, ...]
    """For each modality its given row, or the two that it is mixed of, as in `Problem`."""
    blocks: tuple[tuple[int, int], ...]
    """The (query, pool) pairs of modalities that are asked for, as in `Problem`."""
    rows: int
    """The number C of kinds of rows that are given."""
    factors: int
    """The number of factors of a mixed row: 0 (none is mixed), 1 (both parts alike) or 2."""
    positives: bool
    """Whether samples of equal ids are each other's positives."""
    places: tuple[int, ...] = ()
    """For each block the place of its scale, as in `Problem`; empty where one serves all."""
    sigmoid: bool = False
    """Whether sums over negatives are of a sigmoid's loss, as in `Problem`."""

    @property
    def family(self) -> bool:
        """Whether there is more to compute than log-sum-exps at one scale."""
        return bool(self.places) or self.sigmoid

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        """The asked blocks with their places; 0 is that of the only scale."""
        places = self.places or (0,) * len(self.blocks)
        return tuple((m, n, c) for (m, n), c in zip(self.blocks, places, strict=True))

    @cached_property
    def at(self) -> dict[Key, int]:
        """The number of each asked block."""
        return {key: i for i, key in enumerate(self.keys)}

    @cached_property
    def both(self) -> tuple[Key, ...]:
        """The keys of the asked blocks and of their transposes."""
        return tuple(sorted({*self.keys, *((n, m, c) for m, n, c in self.keys)}))

    @cached_property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The pairs of modalities whose logits are computed: both orders of the asked blocks."""
        both = {*self.blocks, *((n, m) for m, n in self.blocks)}
        return tuple(sorted(both))

    @cached_property
    def products(self) -> tuple[tuple[int, int], ...]:
        """The pairs of kinds of given rows whose dot products are needed."""
        return tuple(
            sorted({(c, k) for m, n in self.pairs for c in self.of(m) for k in self.of(n)})
        )

    @property
    def whole(self) -> bool:
        """Whether all products of given rows are needed."""
        return len(self.products) == self.rows**2

    def of(self, m: int) -> tuple[int, ...]:
        """The given rows that modality m is made of: one, or two that are mixed."""
        part = self.parts[m]
        return (part,) if isinstance(part, int) else part


def layout_of(problem: Problem) -> Layout:
    """The static part of a problem."""
    layout = Layout(
        problem.parts,
        problem.blocks,
        len(problem.rows),
        0 if problem.mix is None else problem.mix.shape[1],
        not problem.own_is_one,
        problem.places,
        problem.sigmoid,
    )
    # torch.compile, which traces a tile, cannot enter what computes a cached property.
    _ = layout.pairs, layout.at, layout.both
    return layout


class Side(NamedTuple):
    """The rows of one set of T samples, with what belongs to them."""

    z: Any
    """(C T, D): the given rows of each kind, one kind after the other, or a tuple of the kinds.

    The rows of the first side of a tile are multiplied by scale / ln 2, and are never a tuple."""
    mix: Any
    """The factors of mixed rows, (F, 1, T) or (F, 2, T), or tuples of tuples of (T,), which are cut
    only once; None where nothing is mixed."""
    present: Array | None
    """(M, T), 1 where a row is present and 0 elsewhere, in the rows' dtype."""
    ids: Array | None
    """(T,) integers."""
    damp: Array | None = None
    """(T, F), the captions' features."""
    samples: Array | None = None
    """(T,), the numbers of the samples, where two sides may be one without it being said."""

    def size(self, layout: Layout) -> int:
        """The number T of samples."""
        if isinstance(self.z, tuple):
            return int(self.z[0].shape[0])
        return int(self.z.shape[0]) // layout.rows

    def kind(self, c: int, layout: Layout) -> Array:
        """The given rows of kind c, (T, D)."""
        if isinstance(self.z, tuple):
            return self.z[c]
        size = self.size(layout)
        return self.z[c * size : (c + 1) * size, :]


class Logits(NamedTuple):
    """The similarities of two sides, in units of ln 2, (Ta, Tb) each."""

    products: BlockMap
    """(Ta, Tb) for each two kinds of given rows."""
    half: BlockMap
    """(Ta, Tb) for a kind of given rows of a and a modality of b."""
    all: BlockMap
    """(Ta, Tb) for each two modalities; these may be the same arrays as in the others."""


def exp2(x: Array, xp: ArrayNamespace) -> Array:
    """2 to the power x, of any shape; every framework has it, though the standard does not."""
    function = getattr(xp, "exp2", None)
    return xp.exp(x * LN2) if function is None else function(x)


def products(
    a: Side,
    b: Side,
    layout: Layout,
    xp: ArrayNamespace,
    multiply: Callable[[Array, Array], Array] = operator.matmul,
) -> BlockMap:
    """The dot products of the given rows of two sides, (Ta, Tb) for each two kinds.

    Args:
        a: the first side, of Ta samples; its rows are scaled.
        b: the second side, of Tb samples.
        layout: the static part of the problem.
        xp: the Array API namespace of the arrays.
        multiply: x @ y, of two matrices.
    """
    size_a, size_b = a.size(layout), b.size(layout)
    dot_products: BlockMap = {}
    if layout.whole and isinstance(b.z, tuple):
        whole = [multiply(a.z, xp.matrix_transpose(z)) for z in b.z]
        for c, k in layout.products:
            dot_products[c, k] = whole[k][c * size_a : (c + 1) * size_a, :]
    elif layout.whole:
        one = multiply(a.z, xp.matrix_transpose(b.z))
        for c, k in layout.products:
            rows, columns = slice(c * size_a, (c + 1) * size_a), slice(k * size_b, (k + 1) * size_b)
            dot_products[c, k] = one[rows, columns]
    else:
        for c, k in layout.products:
            transposed = xp.matrix_transpose(b.kind(k, layout))
            dot_products[c, k] = multiply(a.kind(c, layout), transposed)
    return dot_products


def logits(given: BlockMap, a: Side, b: Side, layout: Layout, xp: ArrayNamespace) -> Logits:
    """All logits that a problem needs, from the `products` of two sides, (Ta, Tb) each."""
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
    """The logits, (Ta, Tb), of modality m's rows (axis 1) or columns (axis 0) from its parts'."""
    if len(x) == 1:
        return x[0]
    factor = factors_of(m, side, layout, axis)
    if layout.factors == 1:
        y = x[0] + x[1]
        y *= factor[0]
        return y
    y = x[0] * factor[0]
    y += x[1] * factor[1]
    return y


def factors_of(m: int, side: Side, layout: Layout, axis: int) -> list[Array]:
    """The factors of modality m's parts, (1, T) for columns (axis 0) or (T, 1) for rows."""
    mix = side.mix[place_of_mixed(layout.parts, m)]
    return [mix[f][None, :] if axis == 0 else mix[f][:, None] for f in range(layout.factors)]
