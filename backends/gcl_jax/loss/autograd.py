"""The two passes over tiles as one function of JAX with a derivative of its own."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gcl_jax.loss.mesh import of_first, over_devices
from gcl_jax.loss.scan_tiles import Tiles
from gcl_spec.loss.problem import Blocks, Problem
from gcl_spec.loss.tiled.log_sums import LogSums
from gcl_spec.loss.tiled.own_logits import own_sums
from gcl_spec.loss.tiled.pull_back import Gradients
from gcl_spec.loss.tiled.row_sums import Own, RowSums, blocks_of, weights_of
from gcl_spec.loss.tiled.shared_shift import shared_shift
from gcl_spec.loss.tiled.tile_logits import LN2, Layout

__all__ = ["Data", "Static", "row_sums"]


class Static(NamedTuple):
    """What a program is compiled for: everything about a problem that is no array."""

    layout: Layout
    """The modalities, their parts, and the blocks that are asked for."""
    targets: tuple[tuple[int, int], ...]
    """The blocks whose own rows are positives."""
    tile: int
    """The samples of a tile."""
    axis_name: str | None
    """The mesh axis whose devices share the tiles; None for one device."""


class Data(NamedTuple):
    """The arrays by which the loss is differentiated."""

    rows: tuple[jax.Array, ...]
    """The given rows of each kind, (B, D)."""
    mix: jax.Array | None
    """The factors of mixed rows, (F, 1, B) or (F, 2, B)."""
    damp: jax.Array | None
    """The captions' features, (B, F)."""
    scale: jax.Array
    """1 / temperature, shape ()."""


class _Residuals(NamedTuple):
    """What the first pass hands to the second."""

    data: Data
    present: jax.Array | None
    """(M, B) booleans."""
    ids: jax.Array | None
    """(B,) integers."""
    sums: RowSums
    """The sums of all rows, (K, B) each."""
    shift: jax.Array
    """The shift of all exponents, shape ()."""
    fits: jax.Array
    """Whether this shift serves every row, shape ()."""


Outputs = tuple[jax.Array, jax.Array, jax.Array, jax.Array | None, jax.Array]
"""The log-sums over others and own, the means, what these lack in digits, and the numbers of
positives: (K, B) each."""


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def row_sums(
    static: Static, data: Data, present: jax.Array | None, ids: jax.Array | None
) -> Outputs:
    """The sums of all rows, (K, B) each, in natural units, with a derivative of their own.

    Forward makes one pass over pairs of tiles; the derivative is a second pass
    (`gcl_spec.loss.tiled.tile_softmax` has its equations), which has itself no closed form: JAX
    differentiates it as it is, with the memory of every tile.

    Args:
        static: everything that is no array.
        data: the arrays by which it is differentiated, (B, D) rows among them.
        present: (M, B) booleans, or None.
        ids: (B,) integers, or None.
    """
    outputs: Outputs = _forward(static, data, present, ids)[0]
    return outputs


@partial(jax.jit, static_argnums=0)
def _forward(
    static: Static, data: Data, present: jax.Array | None, ids: jax.Array | None
) -> tuple[Outputs, _Residuals]:
    """The first pass: the outputs, (K, B) each, and what the second pass needs."""
    with jax.default_matmul_precision("float32"):
        layout, problem = static.layout, _problem(static, data, present, ids)
        shift, fits = shared_shift(problem, data.scale / LN2, jnp)
        tiles = Tiles(problem, layout, data.scale / LN2, static.tile, static.axis_name)
        sums = jax.lax.cond(fits, lambda: tiles.sums(shift), lambda: tiles.sums(None))
        if static.axis_name is not None:
            sums = over_devices(sums, static.axis_name)
        if layout.positives:
            others, own, mean = blocks_of(sums, jnp)[:3]
            rest = None
        else:
            single, rest = _own(problem, data.scale, static.axis_name)
            sums = sums._replace(own=single)  # weights of a single positive need its count only
            others, own, mean = blocks_of(sums, jnp).others, single.logs.top, single.linear
        residuals = _Residuals(data, present, ids, sums, shift, fits)
        return (others, own, mean, rest, sums.own.count), residuals


def _own(problem: Problem, scale: jax.Array, axis_name: str | None) -> tuple[Own, jax.Array]:
    """The logits of the own rows, (K, B), in the rows' dtype, and what these lack in digits."""
    with jax.enable_x64(True):
        exact = own_sums(problem, scale.astype(jnp.float64), jnp, dtype=jnp.float64)
        linear, count = (x.astype(scale.dtype) for x in exact[1:])
        rest = (exact.linear - linear.astype(jnp.float64)).astype(scale.dtype)
    linear, rest, count = (of_first(x, axis_name) for x in (linear, rest, count))
    logs = LogSums(jnp.where(count > 0, linear, -jnp.inf), jnp.zeros_like(linear))
    return Own(logs, linear, count), rest


@partial(jax.jit, static_argnums=0)
def _backward(static: Static, residuals: _Residuals, gradients: Outputs) -> tuple[Data, None, None]:
    """The second pass: the gradients by `Data`, in its shapes, of those by the outputs, (K, B)."""
    with jax.default_matmul_precision("float32"):
        data, present, ids, sums, shift, fits = residuals
        layout, problem = static.layout, _problem(static, data, present, ids)
        tiles = Tiles(problem, layout, data.scale / LN2, static.tile, static.axis_name)
        dtype = data.rows[0].dtype

        def branch(shift: jax.Array | None) -> Gradients:
            one = not layout.positives
            return tiles.gradients(weights_of(Blocks(*gradients[:3]), sums, one, dtype, jnp), shift)

        found = jax.lax.cond(fits, lambda: branch(shift), lambda: branch(None))
        by_scale = found.log_scale / data.scale
        return Data(found.rows, found.mix, found.damp, by_scale), None, None


row_sums.defvjp(_forward, _backward)


def _problem(
    static: Static, data: Data, present: jax.Array | None, ids: jax.Array | None
) -> Problem:
    """The problem of (B, D) rows that the arrays and the static part make together."""
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
        damp=data.damp,
    )
