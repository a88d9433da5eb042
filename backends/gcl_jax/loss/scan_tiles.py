"""The loss tile by tile in JAX: `gcl_spec.loss.tiled.loop` as scans, compiled once for all."""

from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gcl_jax.loss.mesh import Share, share_of
from gcl_jax.loss.scans import Step, row_of, scan, sums_of_tile, with_tile, without_equal
from gcl_spec.loss.problem import Problem
from gcl_spec.loss.tiled.log_sums import LogSums, log2_sum, log_add
from gcl_spec.loss.tiled.pull_back import Gradients
from gcl_spec.loss.tiled.row_sums import Derivatives, Own, RowSums, Weights, add_own
from gcl_spec.loss.tiled.scales import ONE, Scales
from gcl_spec.loss.tiled.tile_logits import LN2, BlockMap, Layout, Side, products
from gcl_spec.loss.tiled.tile_softmax import backward_tile, forward_tile

__all__ = ["Part", "Tiles"]

Carry = tuple[Any, Own]
"""The sums of all tiles so far, (tiles, K, T) each: over others, and over positives."""


class Part(NamedTuple):
    """The gradients by the arrays of a `Side`, of one tile, or of all tiles along a first axis."""

    z: jax.Array
    """The gradient by the rows, shape (C T, D)."""
    mix: jax.Array | None
    """The gradient by the factors of mixed rows, (F, 1, T) or (F, 2, T)."""
    damp: jax.Array | None
    """The gradient by the captions' features, (T, F)."""


class _Met(NamedTuple):
    """A pair of tiles."""

    a: Side
    b: Side
    given: BlockMap
    """The scaled products of the two, (T, T) for each two kinds of given rows."""


class Tiles:
    """The rows of a problem in tiles along a first axis, padded with rows that are not present.

    Args:
        problem: the rows, (B, D) each, with what belongs to them.
        layout: the static part of the problem.
        scale2: the largest scale / ln 2, shape ().
        tile: the samples of a tile.
        axis_name: the mesh axis whose devices share the pairs of tiles, or None.
        scales: the scales of the blocks' places, as parts of the largest.
    """

    def __init__(
        self,
        problem: Problem,
        layout: Layout,
        scale2: jax.Array,
        tile: int,
        axis_name: str | None,
        scales: Scales = ONE,
    ) -> None:
        self.layout, self.tile, self.scale2, self.scales = layout, tile, scale2, scales
        self.axis_name = axis_name
        self.size, self.problem = problem.rows[0].shape[0], problem
        self.count = -(-self.size // tile)
        pad = self.count * tile - self.size
        dtype = problem.rows[0].dtype
        rows = jnp.stack(problem.rows)
        present = problem.present
        if pad and present is None:
            present = jnp.ones((len(problem.parts), self.size), bool)
        self.sides = Side(
            z=self.cut(rows, 1, pad).reshape(self.count, layout.rows * tile, -1),
            mix=None if problem.mix is None else self.cut(problem.mix, 2, pad),
            present=None if present is None else self.cut(present.astype(dtype), 1, pad),
            ids=None if problem.ids is None else self.cut(problem.ids, 0, pad),
            damp=None if problem.damp is None else self.cut(problem.damp, 0, pad),
        )
        # A varying zero: what a scan carries must vary over the devices like what it adds.
        self.zero = jnp.zeros((), dtype)
        rank, size = jnp.asarray(0), 1
        if axis_name is not None:
            rank, size = jax.lax.axis_index(axis_name), jax.lax.axis_size(axis_name)
            self.zero = self.zero * rank
        pairs = np.stack(np.triu_indices(self.count, 1), axis=1)
        diagonal = np.arange(self.count)[:, None]
        self.diagonal, self.pairs = (share_of(x, rank, size) for x in (diagonal, pairs))
        # One body of a scan for both is less to compile, at more work for tiles with themselves.
        both = np.concatenate([np.repeat(diagonal, 2, axis=1), pairs])
        self.every = share_of(both, rank, size)
        self.numbers = jnp.arange(self.count * tile).reshape(self.count, tile)

    def sums(self, shift: jax.Array | None) -> RowSums:
        """The first pass: the sums of this device's pairs of tiles, (K, B) each.

        Args:
            shift: subtracted from all exponents, shape (); None: each row subtracts its maximum.
        """
        start, step = self.summing(shift)
        return self.summed(scan(step, start, self.every), shift)

    def summing(self, shift: jax.Array | None) -> tuple[Carry, Step]:
        """The empty sums, and the step of a scan that adds those of a pair of tiles.

        Args:
            shift: as in `sums`, shape () or None.
        """
        layout = self.layout
        empty = jnp.broadcast_to(self.zero, (self.count, len(layout.blocks), self.tile))
        no_logs = LogSums(empty - jnp.inf, empty - jnp.inf)
        start = (empty if shift is not None else no_logs, Own(no_logs, empty, empty))

        def of_two(carry: Carry, at: Share, met: _Met | None = None) -> tuple[Carry, None]:
            (i, j), (others, own) = at.pair, carry
            a, b, given = self.met(i, j, numbered=True) if met is None else met
            sums = forward_tile(given, a, b, layout, False, shift, jnp, self.scales)
            # A tile with itself has its sums twice.
            valid_b = at.valid & (i != j)
            x: Any
            for k, valid, x in ((i, at.valid, sums.others_a), (j, valid_b, sums.others_b)):
                old = sums_of_tile(others, k)
                total = log_add(old, x, jnp) if shift is None else old + x
                others = with_tile(others, k, valid, total)
            for k, valid, y in ((i, at.valid, sums.own_a), (j, valid_b, sums.own_b)):
                if y is not None:
                    own = with_tile(own, k, valid, add_own(sums_of_tile(own, k), y, jnp))
            return (others, own), None

        return start, of_two

    def summed(self, carry: Carry, shift: jax.Array | None) -> RowSums:
        """The sums of all rows, (K, B) each, from those of the tiles."""
        others, own = jax.tree.map(self.joined, carry)
        if self.layout.sigmoid:
            others = LogSums(others / LN2, jnp.zeros_like(others))
        elif shift is not None:
            others = LogSums(jnp.broadcast_to(shift, others.shape), log2_sum(others, jnp))
        return RowSums(others, own)

    def gradients(self, derivatives: Derivatives, shift: jax.Array | None) -> Gradients:
        """The second pass: the gradients of this device's pairs, (B, D) by rows.

        Args:
            derivatives: the derivatives of the loss by the sums of `sums`, (K, B) each.
            shift: as in `sums`, shape () or None.
        """
        layout = self.layout
        # Blocks at several scales are much to compile: one body for both, as in `sums`.
        together = shift is None or len(layout.both) > len(layout.pairs)
        start, one, two = self.grading(derivatives.weights, shift, together=together)
        if together:
            carry = scan(two, start, self.every)
        else:
            carry = scan(two, scan(one, start, self.diagonal), self.pairs)
        return self.gathered(*jax.tree.map(lambda x: x * derivatives.factor, carry))

    def grading(
        self, weights: Weights, shift: jax.Array | None, *, together: bool
    ) -> tuple[Any, Step, Step]:
        """Gradients of 0, and the steps of scans that add those of one tile, and of a pair.

        Args:
            weights: the derivatives of the loss by the sums, (K, B) each.
            shift: as in `sums`, shape () or None.
            together: whether the second step takes a tile with itself, too.
        """
        pad = self.count * self.tile - self.size
        cut = Weights(*(self.cut(w, 1, pad) for w in weights))

        def add(
            carry: Any, at: Share, met: _Met | None = None, *, same: bool = False
        ) -> tuple[Any, None]:
            (grads, total), i, j = carry, at.pair[0], at.pair[0 if same else 1]
            w_a, w_b = (Weights(*(row_of(w, k) for w in cut)) for k in (i, j))
            if together:  # of a tile with itself the weights of rows are enough
                w_b = without_equal(w_b, i, j)
            w_a, w_b = (Weights(*map(jnp.unstack, w)) for w in (w_a, w_b))  # one slice a row
            met = self.met(i, j, numbered=together) if met is None else met
            by_places, *parts = self._tile(met, w_a, w_b, same, shift)
            valid = at.valid.astype(by_places.dtype)
            for k, part in zip((i, j), parts, strict=False):  # one side alone has one part
                grads = jax.tree.map(lambda x, y, k=k: x.at[k].add(valid * y), grads, part)
            return (grads, total + valid * by_places), None

        sides = Part(self.sides.z, self.sides.mix, self.sides.damp)
        ratios, shifts = self.scales
        shape = (1 if shifts is None else 2, len(ratios))
        zeros = jnp.broadcast_to(self.zero, shape)
        start = jax.tree.map(lambda x: self.zero + jnp.zeros_like(x), sides), zeros
        return start, partial(add, same=True), add

    def joined(self, x: jax.Array) -> jax.Array:
        """The array of all samples, (K, B), from that of all tiles, (tiles, K, T)."""
        return jnp.moveaxis(x, 0, 1).reshape(x.shape[1], -1)[:, : self.size]

    def problem_of(self, side: Side) -> Problem:
        """The problem of the T samples of one tile, (T, D) by rows, without ids and shifts."""
        present = None if side.present is None else side.present > 0
        return replace(
            self.problem,
            rows=tuple(side.kind(c, self.layout) for c in range(self.layout.rows)),
            mix=side.mix,
            present=present,
            ids=None,
            damp=side.damp,
            shift=None,
        )

    def _tile(
        self, met: _Met, w_a: Weights, w_b: Weights, same: bool, shift: jax.Array | None
    ) -> tuple[Any, ...]:
        """The gradients by scales and shifts, (1, S) or (2, S), by side a, and of two by side b."""
        layout, (a, b, given) = self.layout, met
        grads = backward_tile(given, w_a, w_b, a, b, layout, same, shift, jnp, self.scales)
        d_a, d_b = self._row_grads(grads.products, a, b)
        of_a = of_b = None
        if a.damp is not None and b.damp is not None and grads.damp is not None:
            of_a, of_b = grads.damp @ b.damp, grads.damp.T @ a.damp
        parts = Part(d_a, grads.mix_a, of_a), Part(d_b, grads.mix_b, of_b)
        by_places = jnp.reshape(grads.log_scale, (1, -1))
        if grads.shift is not None:
            by_places = jnp.concatenate([by_places, grads.shift[None]])
        return by_places, *parts[: 1 if same else 2]

    def met(self, i: jax.Array, j: jax.Array, numbered: bool) -> _Met:
        """A pair of tiles with the products of their rows.

        Args:
            i: the first tile, shape ().
            j: the second, shape ().
            numbered: whether the numbers of their samples are wanted, too.
        """
        a, b = (self._side(k, numbered) for k in (i, j))
        return _Met(a, b, products(a._replace(z=a.z * self.scale2), b, self.layout, jnp))

    def _row_grads(self, d: BlockMap, a: Side, b: Side) -> tuple[jax.Array, jax.Array]:
        """The gradients by the rows of both sides, G z_b and G^T z_a, (C T, D) each."""
        layout, kinds = self.layout, range(self.layout.rows)
        if layout.whole:
            whole = jnp.block([[d[c, k] for k in kinds] for c in kinds])
            return whole @ b.z, whole.T @ a.z
        # The gradients by rows of no asked block stay zero.
        d_a, d_b = ([jnp.zeros_like(side.kind(c, layout)) for c in kinds] for side in (a, b))
        for (c, k), block in d.items():
            d_a[c] += block @ b.kind(k, layout)
            d_b[k] += block.T @ a.kind(c, layout)
        return jnp.concatenate(d_a), jnp.concatenate(d_b)

    def gathered(self, grads: Part, total: jax.Array) -> Gradients:
        """The gradients by the arrays of the problem.

        Args:
            grads: those by the arrays of all tiles, (tiles, ...).
            total: those by the scales and the shifts, (1, S) or (2, S).
        """
        layout, (rows, mix, damp) = self.layout, grads
        by_kind = rows.reshape(self.count, layout.rows, self.tile, -1).swapaxes(0, 1)
        by_kind = by_kind.reshape(layout.rows, self.count * self.tile, -1)[:, : self.size]
        by_kind = by_kind * (self.scale2 * LN2)
        if mix is not None:
            mix = jnp.moveaxis(mix, 0, 2).reshape(*mix.shape[1:3], -1)[:, :, : self.size] * LN2
            if layout.factors == 1:
                given = jnp.asarray(self.problem.mix)
                mix = jnp.where(given == 0, 0, mix / jnp.where(given == 0, 1, given))
        if damp is not None:
            damp = damp.reshape(self.count * self.tile, -1)[: self.size]
        shift = None if self.scales.shifts is None else total[1]
        return Gradients(tuple(by_kind), mix, total[0], damp, shift)

    def _side(self, i: jax.Array, numbered: bool) -> Side:
        """The side of tile i, shape (), perhaps with the numbers of its samples."""
        side = Side(*(None if x is None else row_of(x, i) for x in self.sides))
        return side._replace(samples=row_of(self.numbers, i)) if numbered else side

    def cut(self, x: jax.Array, axis: int, pad: int) -> jax.Array:
        """An array with its axis of samples padded and cut; the axis of tiles comes first.

        Args:
            x: an array of any shape.
            axis: its axis of samples.
            pad: the number of samples that the last tile lacks.

        Returns:
            An array of shape (tiles, ..., T, ...).
        """
        x = jnp.pad(x, [(0, pad if k == axis else 0) for k in range(x.ndim)])
        shape = (*x.shape[:axis], self.count, self.tile, *x.shape[axis + 1 :])
        return jnp.moveaxis(x.reshape(shape), axis, 0)
