"""The tiled kernel for JAX: scans over pairs of tiles, with a derivative in closed form."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from array_api_compat import is_jax_array, is_numpy_array

from gcl_jax.loss.mesh import of_first, over_devices, whole
from gcl_jax.loss.scan_tiles import Tiles
from gcl_spec.loss.plain import plain_blocks
from gcl_spec.loss.problem import Blocks, Problem, mixed, or_nan
from gcl_spec.loss.tiled.log_sums import LogSums
from gcl_spec.loss.tiled.loop import Gradients
from gcl_spec.loss.tiled.own_logits import own_sums
from gcl_spec.loss.tiled.row_sums import RowSums, blocks_of, weights_of
from gcl_spec.loss.tiled.shared_shift import shared_shift
from gcl_spec.loss.tiled.tile_logits import LN2, Layout, layout_of
from gcl_spec.loss.tiled.tile_softmax import Own

__all__ = ["GramKernel"]

_ARRAYS = ("rows", "weights", "present", "ids", "damp")

_PLAIN_BELOW = 128
"""Samples under which whole blocks are as fast as tiles; see benchmarks/README.md."""


@dataclass(frozen=True)
class GramKernel:
    """A `gcl_spec.loss.kernel.Kernel` with memory O(B D).

    tile: samples of a tile; None: the measured best, and whole blocks for small batches.
    axis_name: inside `jax.shard_map`, the mesh axis whose devices hold the same rows and share the
        work on pairs of tiles.
    """

    tile: int | None = None
    axis_name: str | None = None

    def takes(self, x: object, /) -> bool:
        """Whether `x` is an array of JAX, or stands for one while JAX traces a function."""
        return is_jax_array(x)

    def readable(self, x: jax.Array, /) -> npt.NDArray[Any] | None:
        """The values as a NumPy array; None on other devices than a CPU and in compiled code."""
        found: Any = x
        while hasattr(found, "primal"):  # the array that JAX takes a derivative by
            found = found.primal
        if is_numpy_array(found):
            return found
        if isinstance(found, jax.core.Tracer) or any(d.platform != "cpu" for d in found.devices()):
            return None
        # NumPy has no bfloat16 of its own.
        return np.asarray(found, np.float32 if found.dtype == jnp.bfloat16 else None)

    def __call__(self, problem: Problem, scale: jax.Array | float, /, *, xp: Any = jnp) -> Blocks:
        """See `gcl_spec.loss.kernel.Kernel`."""
        size = problem.rows[0].shape[0]
        arrays = whole({name: getattr(problem, name) for name in _ARRAYS})
        problem = replace(problem, **arrays)
        if self.tile is None and size < _PLAIN_BELOW:
            return plain_blocks(problem, scale, xp=xp)._replace(present=problem.present)
        problem = or_nan(mixed(problem, xp), xp)
        tile = min(self.tile or 256, size)
        static = _Static(layout_of(problem), problem.targets, tile, self.axis_name)
        number = jnp.asarray(scale, problem.rows[0].dtype)
        if self.axis_name is not None:
            # Every device has a part of the gradient by the scale; JAX sums it if it varies.
            number = jax.lax.pcast(number, self.axis_name, to="varying")
        data = _Data(problem.rows, problem.mix, problem.damp, number)
        others, own, mean, rest, _ = _row_sums(static, data, problem.present, problem.ids)
        return Blocks(others, own, mean, problem.present, rest)


class _Static(NamedTuple):
    layout: Layout
    targets: tuple[tuple[int, int], ...]
    tile: int
    axis_name: str | None


class _Data(NamedTuple):
    """What is differentiated."""

    rows: tuple[jax.Array, ...]
    mix: jax.Array | None
    damp: jax.Array | None
    scale: jax.Array


class _Residuals(NamedTuple):
    data: _Data
    present: jax.Array | None
    ids: jax.Array | None
    sums: RowSums
    shift: jax.Array
    fits: jax.Array


Outputs = tuple[jax.Array, jax.Array, jax.Array, jax.Array | None, jax.Array]


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _row_sums(
    static: _Static, data: _Data, present: jax.Array | None, ids: jax.Array | None
) -> Outputs:
    """Log-sums of all rows: others, own, mean, what these lack, and the number of positives."""
    outputs: Outputs = _forward(static, data, present, ids)[0]
    return outputs


@partial(jax.jit, static_argnums=0)
def _forward(
    static: _Static, data: _Data, present: jax.Array | None, ids: jax.Array | None
) -> tuple[Outputs, _Residuals]:
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
    """The logits of the own rows, as numbers of the rows' dtype and what these lack."""
    with jax.enable_x64(True):
        exact = own_sums(problem, scale.astype(jnp.float64), jnp, dtype=jnp.float64)
        linear, count = (x.astype(scale.dtype) for x in exact[1:])
        rest = (exact.linear - linear.astype(jnp.float64)).astype(scale.dtype)
    linear, rest, count = (of_first(x, axis_name) for x in (linear, rest, count))
    logs = LogSums(jnp.where(count > 0, linear, -jnp.inf), jnp.zeros_like(linear))
    return Own(logs, linear, count), rest


@partial(jax.jit, static_argnums=0)
def _backward(
    static: _Static, residuals: _Residuals, gradients: Outputs
) -> tuple[_Data, None, None]:
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
        return _Data(found.rows, found.mix, found.damp, by_scale), None, None


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
        damp=data.damp,
    )
