"""The tiled kernel for JAX: scans over pairs of tiles, with a derivative in closed form."""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from array_api_compat import is_jax_array, is_numpy_array

from gcl_jax.loss.autograd import Data, Fixed, Static, row_sums
from gcl_jax.loss.mesh import whole
from gcl_spec.loss.plain import plain_blocks
from gcl_spec.loss.problem import Blocks, Problem, mixed, or_nan
from gcl_spec.loss.tiled.tile_logits import layout_of

__all__ = ["GramKernel"]

_ARRAYS = ("rows", "weights", "present", "ids", "damp")

_PLAIN_BELOW = 128
"""The number of samples under which whole blocks are as fast as tiles (benchmarks/README.md)."""


@dataclass(frozen=True)
class GramKernel:
    """JAX's `gcl_spec.loss.kernel.FrameworkKernel`, with memory O(B D).

    Args:
        tile: the samples of a tile; None: the measured best, and whole blocks for small batches.
        axis_name: inside `jax.shard_map`, the mesh axis whose devices hold the same rows and share
            the work on pairs of tiles.
    """

    tile: int | None = None
    axis_name: str | None = None

    def takes(self, x: object, /) -> bool:
        """Whether `x` is an array of JAX, or stands for one while JAX traces a function."""
        return is_jax_array(x)

    def readable(self, x: jax.Array, /) -> npt.NDArray[Any] | None:
        """The values as a NumPy array of the same shape; None where they are not on a CPU.

        Compiled code has no values to read. An array by which JAX takes a derivative has them.
        """
        array: Any = x
        while hasattr(array, "primal"):  # a tracer of a derivative around the array
            array = array.primal
        if is_numpy_array(array):
            return array
        if isinstance(array, jax.core.Tracer) or any(d.platform != "cpu" for d in array.devices()):
            return None
        # NumPy has no bfloat16 of its own.
        return np.asarray(array, np.float32 if array.dtype == jnp.bfloat16 else None)

    def constant(self, x: jax.Array, /) -> jax.Array:
        """The array, of the same shape, without its gradient."""
        return jax.lax.stop_gradient(x)

    def serves(self, problem: Problem, /) -> bool:
        """Whether the problem may have several scales, or a sigmoid: it always may."""
        return True

    def __call__(self, problem: Problem, scale: jax.Array | float, /, *, xp: Any = jnp) -> Blocks:
        """The blocks, (K, B) each, as `gcl_spec.loss.kernel.Kernel` wants them."""
        size = problem.rows[0].shape[0]
        arrays = whole({name: getattr(problem, name) for name in _ARRAYS})
        problem = replace(problem, **arrays)
        if self.tile is None and size < _PLAIN_BELOW:
            blocks = plain_blocks(problem, scale, xp=xp, row_products=_row_products)
            return blocks._replace(present=problem.present)
        problem = or_nan(mixed(problem, xp), xp)
        tile = min(self.tile or 256, size)
        layout, bounded = layout_of(problem), problem.bounded
        static = Static(layout, problem.targets, tile, self.axis_name, bounded)
        number = self._varying(jnp.asarray(scale, problem.rows[0].dtype))
        shift = None if problem.shift is None else self._varying(problem.shift)
        data = Data(problem.rows, problem.mix, problem.damp, number, shift)
        lift: Any = problem.lift
        lift = jax.lax.stop_gradient(lift) if is_jax_array(lift) else lift
        others, own, mean, rest, _ = row_sums(
            static, data, Fixed(problem.present, problem.ids, lift)
        )
        return Blocks(others, own, mean, problem.present, rest)

    def _varying(self, x: jax.Array) -> jax.Array:
        """The numbers, () or (S,), which every device has: each has a part of the gradient by them.

        JAX sums these parts if the numbers vary over the devices.
        """
        if self.axis_name is None:
            return x
        # Some vary already, made of constants beside the rows; JAX refuses to cast these.
        return x + jnp.zeros_like(x) * jax.lax.axis_index(self.axis_name)


def _row_products(
    factor_KB: jax.Array | float, x_KBD: jax.Array, y_KBD: jax.Array, xp: Any
) -> jax.Array:
    """The inner products of rows, times their factors (or one for all): (K, B).

    A sum comes last. Where a product does, XLA computes a difference from it twice, and one of them
    as a fused multiply-add: from 1e9 on, their roundings differ by more than an exponential bears.
    """
    factors = xp.asarray(factor_KB, dtype=x_KBD.dtype)[..., None]
    products_KB: jax.Array = xp.sum(factors * x_KBD * y_KBD, axis=-1)
    return products_KB
