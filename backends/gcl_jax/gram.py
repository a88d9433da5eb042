"""The tiled kernel for JAX: scans over pairs of tiles, with a derivative in closed form."""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gcl_jax.devices import Share, over_devices, share_of
from gcl_spec.blocks import Blocks, Problem, mixed, plain_blocks
from gcl_spec.exponents import shared_shift
from gcl_spec.gram import LN2, BlockMap, Layout, Side, layout_of, logits, products, pull_back
from gcl_spec.row_sums import RowSums, blocks_of, log2_sum, log_add, weights_of
from gcl_spec.softmax_tiles import Own, Weights, d_logits, masks_of, tile_own, tile_sums
from gcl_spec.tiles import Gradients

__all__ = ["GramKernel"]

_PLAIN_BELOW = 256
"""Samples under which whole blocks are as fast as tiles; see benchmarks/README.md."""


@dataclass(frozen=True)
class GramKernel:
    """A `gcl_spec.blocks.Kernel` with memory O(B D).

    tile: samples of a tile; None: the measured best, and whole blocks for small batches.
    axis_name: inside `jax.shard_map`, the mesh axis whose devices hold the same rows and share the
        work on pairs of tiles.
    """

    tile: int | None = None
    axis_name: str | None = None

    def __call__(self, problem: Problem, scale: jax.Array | float, /, *, xp: Any = jnp) -> Blocks:
        """See `gcl_spec.blocks.Kernel`."""
        size = problem.rows[0].shape[0]
        if (self.tile is None and size < _PLAIN_BELOW) or problem.damp is not None:
            return plain_blocks(problem, scale, xp=xp)
        problem = mixed(problem, xp)
        tile = min(self.tile or 256, size)
        static = _Static(layout_of(problem), problem.targets, tile, self.axis_name)
        number = jnp.asarray(scale, problem.rows[0].dtype)
        if self.axis_name is not None:
            # Every device has a part of the gradient by the scale; JAX sums it if it varies.
            number = jax.lax.pcast(number, self.axis_name, to="varying")
        data = _Data(problem.rows, problem.mix, number)
        others, own, mean, _ = _row_sums(static, data, problem.present, problem.ids)
        return Blocks(others, own, mean)


class _Static(NamedTuple):
    layout: Layout
    targets: tuple[tuple[int, int], ...]
    tile: int
    axis_name: str | None


class _Data(NamedTuple):
    """What is differentiated."""

    rows: tuple[jax.Array, ...]
    mix: jax.Array | None
    scale: jax.Array


class _Residuals(NamedTuple):
    data: _Data
    present: jax.Array | None
    ids: jax.Array | None
    sums: RowSums
    shift: jax.Array
    fits: jax.Array


Outputs = tuple[jax.Array, jax.Array, jax.Array, jax.Array]


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _row_sums(
    static: _Static, data: _Data, present: jax.Array | None, ids: jax.Array | None
) -> Outputs:
    """Log-sums of all rows: others, own, mean, and the number of positives."""
    outputs: Outputs = _forward(static, data, present, ids)[0]
    return outputs


@partial(jax.jit, static_argnums=0)
def _forward(
    static: _Static, data: _Data, present: jax.Array | None, ids: jax.Array | None
) -> tuple[Outputs, _Residuals]:
    with jax.default_matmul_precision("float32"):
        layout, problem = static.layout, _problem(static, data, present, ids)
        shift, fits = shared_shift(problem, data.scale / LN2, jnp)
        tiles = _Tiles(problem, layout, data.scale / LN2, static.tile, static.axis_name)
        sums = jax.lax.cond(fits, lambda: tiles.sums(shift), lambda: tiles.sums(None))
        if static.axis_name is not None:
            sums = over_devices(sums, static.axis_name)
        residuals = _Residuals(data, present, ids, sums, shift, fits)
        return (*blocks_of(sums, jnp), sums.own.count), residuals


@partial(jax.jit, static_argnums=0)
def _backward(
    static: _Static, residuals: _Residuals, gradients: Outputs
) -> tuple[_Data, None, None]:
    with jax.default_matmul_precision("float32"):
        data, present, ids, sums, shift, fits = residuals
        layout, problem = static.layout, _problem(static, data, present, ids)
        tiles = _Tiles(problem, layout, data.scale / LN2, static.tile, static.axis_name)
        dtype = data.rows[0].dtype

        def branch(shift: jax.Array | None) -> Gradients:
            one = not layout.positives
            return tiles.gradients(
                weights_of(Blocks(*gradients[:3]), sums, shift, one, dtype, jnp), shift
            )

        found = jax.lax.cond(fits, lambda: branch(shift), lambda: branch(None))
        return _Data(found.rows, found.mix, found.log_scale / data.scale), None, None


_row_sums.defvjp(_forward, _backward)


def _problem(
    static: _Static, data: _Data, present: jax.Array | None, ids: jax.Array | None
) -> Problem:
    layout = static.layout
    return Problem(
        data.rows,
        layout.parts,
        layout.blocks,
        static.targets,
        mix=data.mix,
        present=present,
        ids=ids,
        positives=layout.positives,
    )


class _Tiles:
    """The rows of a problem in tiles along a first axis, padded with rows that are not present."""

    def __init__(
        self,
        problem: Problem,
        layout: Layout,
        scale2: jax.Array,
        tile: int,
        axis_name: str | None,
    ) -> None:
        self.layout, self.tile, self.scale2 = layout, tile, scale2
        self.size, self.problem = problem.rows[0].shape[0], problem
        self.count = -(-self.size // tile)
        pad = self.count * tile - self.size
        dtype = problem.rows[0].dtype
        rows = jnp.stack(problem.rows)
        present = problem.present
        if pad and present is None:
            present = jnp.ones((len(problem.parts), self.size), bool)
        self.sides = Side(
            z=self._cut(rows, 1, pad).reshape(self.count, layout.rows * tile, -1),
            mix=None if problem.mix is None else self._cut(problem.mix, 2, pad),
            present=None if present is None else self._cut(present.astype(dtype), 1, pad),
            ids=None if problem.ids is None else self._cut(problem.ids, 0, pad),
        )
        # A varying zero: what a scan carries must vary over the devices like what it adds.
        self.zero = jnp.zeros((), dtype)
        rank, size = jnp.asarray(0), 1
        if axis_name is not None:
            rank, size = jax.lax.axis_index(axis_name), jax.lax.axis_size(axis_name)
            self.zero = self.zero * rank
        self.diagonal = share_of(np.arange(self.count)[:, None], rank, size)
        self.pairs = share_of(np.stack(np.triu_indices(self.count, 1), axis=1), rank, size)

    def sums(self, shift: jax.Array | None) -> RowSums:
        """The first pass; `shift` None: with maxima of their own."""
        layout = self.layout
        empty = self.zero + jnp.zeros((self.count, len(layout.blocks), self.tile))
        nothing = Own(empty - jnp.inf, empty, empty)
        start = (empty if shift is not None else empty - jnp.inf, nothing)

        def of_one(carry: tuple[jax.Array, Own], at: Share) -> tuple[tuple[jax.Array, Own], None]:
            i = at.pair[0]
            a, (others, own) = self._side(i), carry
            masks = masks_of(a, a, layout, True, jnp)
            s = logits(self._products(a, a), a, a, layout, jnp)
            found = tile_sums(s, a, a, masks, layout, True, shift, jnp).a
            others = others.at[i].set(jnp.where(at.valid, found, others[i]))
            mine = tile_own(s, a, masks.own, layout, 1, jnp)
            return (others, _set_own(own, i, at.valid, mine)), None

        def of_two(carry: tuple[jax.Array, Own], at: Share) -> tuple[tuple[jax.Array, Own], None]:
            (i, j), (others, own) = at.pair, carry
            a, b = self._side(i), self._side(j)
            masks = masks_of(a, b, layout, False, jnp)
            s = logits(self._products(a, b), a, b, layout, jnp)
            found = tile_sums(s, a, b, masks, layout, False, shift, jnp)
            for k, x in ((i, found.a), (j, jnp.asarray(found.b))):
                total = log_add(others[k], x, jnp) if shift is None else others[k] + x
                others = others.at[k].set(jnp.where(at.valid, total, others[k]))
            if masks.own is not None:
                for k, other, axis in ((i, b, 1), (j, a, 0)):
                    x = _add_own(own, k, tile_own(s, other, masks.own, layout, axis, jnp))
                    own = _set_own(own, k, at.valid, x)
            return (others, own), None

        carry, _ = jax.lax.scan(of_one, start, self.diagonal)
        (others, own), _ = jax.lax.scan(of_two, carry, self.pairs)
        others, own = self._joined(others), Own(*(self._joined(x) for x in own))
        if shift is not None:
            others = log2_sum(others, jnp) + shift
        return RowSums(others, own)

    def gradients(self, weights: Weights, shift: jax.Array | None) -> Gradients:
        """The second pass; weights are (K, B)."""
        pad = self.count * self.tile - self.size
        cut = Weights(*(self._cut(w, 1, pad) for w in weights))

        def add(carry: Any, at: Share, i: Any, j: Any, same: bool) -> tuple[Any, None]:
            rows, mix, total = carry
            w_a, w_b = (Weights(*(w[k] for w in cut)) for k in (i, j))
            found, d_a, d_b = self._tile(self._side(i), self._side(j), w_a, w_b, same, shift)
            valid = at.valid.astype(d_a.dtype)
            rows = rows.at[i].add(valid * d_a)
            if mix is not None:
                mix = mix.at[i].add(valid * found.mix_a)
            if d_b is not None:
                rows = rows.at[j].add(valid * d_b)
                if mix is not None:
                    mix = mix.at[j].add(valid * found.mix_b)
            return (rows, mix, total + valid * found.log_scale), None

        start = (
            self.zero + jnp.zeros_like(self.sides.z),
            None if self.sides.mix is None else self.zero + jnp.zeros_like(self.sides.mix),
            self.zero,
        )
        carry, _ = jax.lax.scan(
            lambda carry, at: add(carry, at, at.pair[0], at.pair[0], True), start, self.diagonal
        )
        (rows, mix, total), _ = jax.lax.scan(
            lambda carry, at: add(carry, at, at.pair[0], at.pair[1], False), carry, self.pairs
        )
        return self._gathered(rows, mix, total)

    def _tile(
        self, a: Side, b: Side, w_a: Weights, w_b: Weights, same: bool, shift: jax.Array | None
    ) -> tuple[Any, jax.Array, jax.Array | None]:
        layout = self.layout
        masks = masks_of(a, b, layout, same, jnp)
        s = logits(self._products(a, b), a, b, layout, jnp)
        p = d_logits(s, w_a, w_b, a, b, masks, layout, shift, jnp)
        found = pull_back(p, s, a, b, layout, same, jnp)
        return found, *self._row_grads(found.products, a, b, same)

    def _products(self, a: Side, b: Side) -> BlockMap:
        return products(a._replace(z=a.z * self.scale2), b, self.layout, jnp)

    def _row_grads(
        self, d: BlockMap, a: Side, b: Side, same: bool
    ) -> tuple[jax.Array, jax.Array | None]:
        """D z_b, and of two different tiles D^T z_a."""
        layout, kinds = self.layout, range(self.layout.rows)
        zero = jnp.zeros((self.tile, self.tile), a.z.dtype)
        if layout.whole:
            whole = jnp.block([[d[c, k] for k in kinds] for c in kinds])
            return whole @ b.z, None if same else whole.T @ a.z
        of_a = [sum(d[c, k] @ b.kind(k, layout) for k in kinds if (c, k) in d) for c in kinds]
        empty = zero[:, :1] * a.z[: self.tile]
        d_a = jnp.concatenate([x if isinstance(x, jax.Array) else empty for x in of_a])
        if same:
            return d_a, None
        of_b = [sum(d[c, k].T @ a.kind(c, layout) for c in kinds if (c, k) in d) for k in kinds]
        return d_a, jnp.concatenate([x if isinstance(x, jax.Array) else empty for x in of_b])

    def _gathered(self, rows: jax.Array, mix: jax.Array | None, total: jax.Array) -> Gradients:
        layout = self.layout
        by_kind = rows.reshape(self.count, layout.rows, self.tile, -1).swapaxes(0, 1)
        by_kind = by_kind.reshape(layout.rows, self.count * self.tile, -1)[:, : self.size]
        by_kind = by_kind * (self.scale2 * LN2)
        if mix is not None:
            mix = jnp.moveaxis(mix, 0, 2).reshape(*mix.shape[1:3], -1)[:, :, : self.size] * LN2
            if layout.factors == 1:
                given = jnp.asarray(self.problem.mix)
                mix = jnp.where(given == 0, 0, mix / jnp.where(given == 0, 1, given))
        return Gradients(tuple(by_kind), mix, total)

    def _side(self, i: jax.Array) -> Side:
        return Side(*(None if x is None else x[i] for x in self.sides))

    def _cut(self, x: jax.Array, axis: int, pad: int) -> jax.Array:
        """The axis of samples padded, cut into tiles, and the axis of tiles first."""
        x = jnp.pad(x, [(0, pad if k == axis else 0) for k in range(x.ndim)])
        shape = (*x.shape[:axis], self.count, self.tile, *x.shape[axis + 1 :])
        return jnp.moveaxis(x.reshape(shape), axis, 0)

    def _joined(self, x: jax.Array) -> jax.Array:
        """(tiles, K, T) to (K, B)."""
        return jnp.moveaxis(x, 0, 1).reshape(x.shape[1], -1)[:, : self.size]


def _set_own(own: Own, k: jax.Array, valid: jax.Array, found: Own) -> Own:
    return Own(*(x.at[k].set(jnp.where(valid, y, x[k])) for x, y in zip(own, found, strict=True)))


def _add_own(own: Own, k: jax.Array, found: Own) -> Own:
    log_sum = log_add(own.log_sum[k], found.log_sum, xp=jnp)
    return Own(log_sum, own.linear[k] + found.linear, own.count[k] + found.count)
