"""The two passes over tiles as one function of JAX with a derivative of its own."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gcl_jax.loss import one_pass
from gcl_jax.loss.mesh import of_first, over_devices
from gcl_jax.loss.scan_tiles import Tiles
from gcl_spec.loss.problem import Blocks, Problem
from gcl_spec.loss.tiled.log_sums import LogSums
from gcl_spec.loss.tiled.own_logits import own_sums
from gcl_spec.loss.tiled.pull_back import Gradients
from gcl_spec.loss.tiled.row_sums import Derivatives, Own, RowSums, blocks_of, tile_weights
from gcl_spec.loss.tiled.scales import scales_of
from gcl_spec.loss.tiled.shared_shift import shared_shift
from gcl_spec.loss.tiled.tile_logits import LN2, Layout, Side

__all__ = ["Data", "Fixed", "Static", "row_sums"]


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
    bounded: bool = True
    """Whether every log-sum stands beside that of a positive, as in `Problem`."""


class Data(NamedTuple):
    """The arrays by which the loss is differentiated."""

    rows: tuple[jax.Array, ...]
    """The given rows of each kind, (B, D)."""
    mix: jax.Array | None
    """The factors of mixed rows, (F, 1, B) or (F, 2, B)."""
    damp: jax.Array | None
    """The captions' features, (B, F)."""
    scale: jax.Array
    """1 / temperature, shape (), or one for each place, (S,)."""
    shift: jax.Array | None
    """The shift of a sigmoid's logits, shape () or (S,)."""


class Fixed(NamedTuple):
    """The arrays by which there is no derivative."""

    present: jax.Array | None
    """(M, B) booleans."""
    ids: jax.Array | None
    """(B,) integers."""
    lift: jax.Array | float
    """Shape (), the most by which sums of blocks are raised above others', as in `Problem`."""


class _Residuals(NamedTuple):
    """What the first pass hands to the second."""

    data: Data
    fixed: Fixed
    sums: RowSums
    """The sums of all rows, (K, B) each."""
    shift: jax.Array
    """The shift of all exponents, shape ()."""
    fits: jax.Array
    """Whether this shift serves every row, shape ()."""
    unit: one_pass.Unit | None = None
    """The gradients of negatives for weights of 1, (tiles, ...), of a sigmoid's one pass."""


Outputs = tuple[jax.Array, jax.Array, jax.Array, jax.Array | None, jax.Array]
"""The log-sums over others and own, the means, what these lack in digits, and the numbers of
positives: (K, B) each."""


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def row_sums(static: Static, data: Data, fixed: Fixed) -> Outputs:
    """The sums of all rows, (K, B) each, in natural units, with a derivative of their own.

    Forward makes one pass over pairs of tiles; the derivative is a second pass
    (`gcl_spec.loss.tiled.tile_softmax` has its equations), which has itself no closed form: JAX
    differentiates it as it is, with the memory of every tile.

    Args:
        static: everything that is no array.
        data: the arrays by which it is differentiated, (B, D) rows among them.
        fixed: the others, (M, B) and (B,).
    """
    outputs: Outputs = _forward(static, data, fixed)[0]
    return outputs


@partial(jax.jit, static_argnums=(0, 3))
def _forward(
    static: Static, data: Data, fixed: Fixed, ahead: bool = False
) -> tuple[Outputs, _Residuals]:
    """The first pass: the outputs, (K, B) each, and what the second pass needs.

    Args:
        static: everything that is no array.
        data: the arrays by which it is differentiated, (B, D) rows among them.
        fixed: the others, (M, B) and (B,).
        ahead: whether a second pass will follow, so that the first may have its results.
    """
    with jax.default_matmul_precision("float32"):
        layout, problem = static.layout, _problem(static, data, fixed)
        tiles = _tiles(static, problem, data.scale)
        shift, fits = shared_shift(problem, tiles.scale2, jnp, tiles.scales)
        unit = None
        if ahead and one_pass.serves(problem):
            sums, unit = one_pass.sums_and_unit(tiles)
        elif layout.sigmoid:
            sums = tiles.sums(jnp.zeros_like(shift))
        else:
            sums = jax.lax.cond(fits, lambda: tiles.sums(shift), lambda: tiles.sums(None))
        if static.axis_name is not None:
            sums = over_devices(sums, static.axis_name, linear=layout.sigmoid)
        if layout.positives:
            others, own, mean = blocks_of(sums, jnp)[:3]
            rest = None
        else:
            single, rest = _own(tiles, data.scale, static.axis_name)
            sums = sums._replace(own=single)  # weights of a single positive need its count only
            others, own, mean = blocks_of(sums, jnp).others, single.logs.top, single.linear
        residuals = _Residuals(data, fixed, sums, shift, fits, unit)
        return (others, own, mean, rest, sums.own.count), residuals


def _own(tiles: Tiles, scale: jax.Array, axis_name: str | None) -> tuple[Own, jax.Array]:
    """The logits of the own rows, (K, B), in the rows' dtype, and what these lack in digits.

    They are computed in float64, one tile after the other: the rows of a tile take little memory.
    """
    with jax.enable_x64(True):
        largest, scales = scales_of(tiles.problem, scale.astype(jnp.float64), jnp)

        def of_tile(side: Side) -> tuple[jax.Array, ...]:
            """The logits of the T samples of a tile, their rest and their number, (K, T) each."""
            problem = tiles.problem_of(side)
            exact = own_sums(problem, largest, jnp, dtype=jnp.float64, ratios=scales.ratios)
            linear, count = (x.astype(scale.dtype) for x in exact[1:])
            rest = (exact.linear - linear.astype(jnp.float64)).astype(scale.dtype)
            return linear, rest, count

        by_tile = jax.lax.map(of_tile, tiles.sides)
    linear, rest, count = (of_first(tiles.joined(x), axis_name) for x in by_tile)
    logs = LogSums(jnp.where(count > 0, linear, -jnp.inf), jnp.zeros_like(linear))
    return Own(logs, linear, count), rest


@partial(jax.jit, static_argnums=0)
def _backward(static: Static, residuals: _Residuals, gradients: Outputs) -> tuple[Data, None]:
    """The second pass: the gradients by `Data`, of its shapes, from those by outputs, (K, B)."""
    with jax.default_matmul_precision("float32"):
        data, fixed, sums, shift, fits, unit = residuals
        layout, problem = static.layout, _problem(static, data, fixed)
        tiles = _tiles(static, problem, data.scale)
        dtype = data.rows[0].dtype

        def branch(shift: jax.Array | None) -> Gradients:
            return tiles.gradients(weights(), shift)

        def weights() -> Derivatives:
            one = not layout.positives
            return tile_weights(Blocks(*gradients[:3]), sums, one, dtype, jnp)

        if unit is not None:
            second = partial(branch, jnp.zeros_like(shift))
            input_grads = one_pass.from_unit(tiles, unit, weights(), second)
        elif layout.sigmoid:
            input_grads = branch(jnp.zeros_like(shift))
        else:
            input_grads = jax.lax.cond(fits, lambda: branch(shift), lambda: branch(None))
        by_scale = input_grads.log_scale.reshape(data.scale.shape) / data.scale
        by_shift = input_grads.shift
        if data.shift is not None and by_shift is not None:
            by_shift = by_shift if data.shift.ndim else jnp.sum(by_shift)
        return Data(input_grads.rows, input_grads.mix, input_grads.damp, by_scale, by_shift), None


row_sums.defvjp(partial(_forward, ahead=True), _backward)


def _tiles(static: Static, problem: Problem, scale: jax.Array) -> Tiles:
    """The tiles of a problem at a scale, shape (), or several, (S,)."""
    largest, scales = scales_of(problem, scale, jnp)
    return Tiles(problem, static.layout, largest / LN2, static.tile, static.axis_name, scales)


def _problem(static: Static, data: Data, fixed: Fixed) -> Problem:
    """The problem of (B, D) rows that the arrays and the static part make together."""
    layout = static.layout
    return Problem(
        data.rows,
        layout.parts,
        layout.blocks,
        static.targets,
        mix=data.mix,
        present=fixed.present,
        ids=fixed.ids,
        positives=layout.positives,
        damp=data.damp,
        places=layout.places,
        sigmoid=layout.sigmoid,
        shift=data.shift,
        lift=fixed.lift,
        bounded=static.bounded,
    )
