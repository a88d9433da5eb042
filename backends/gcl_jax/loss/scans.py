"""Scans over pairs of tiles, and what they read of a tile and write to it."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from gcl_jax.loss.mesh import Share
from gcl_spec.loss.tiled.row_sums import Weights

__all__ = ["Step", "row_of", "scan", "sums_of_tile", "with_tile", "without_equal"]

Step = Callable[..., tuple[Any, None]]
"""What a scan does in a turn: the next carry, and nothing beside it, from a carry and a turn."""


def scan(step: Step, start: Any, turns: Share) -> Any:
    """The carry after all turns; `start` without turns, which JAX_DISABLE_JIT does not scan."""
    return jax.lax.scan(step, start, turns)[0] if turns.valid.shape[0] else start


def row_of(x: jax.Array, k: jax.Array) -> jax.Array:
    """x[k], in two operations: k is no place from the end, which JAX would provide for.

    Args:
        x: an array of any shape.
        k: a place on its first axis, shape ().

    Returns:
        The row, of any shape.
    """
    row: jax.Array = jax.lax.dynamic_index_in_dim(
        x, k, keepdims=False, allow_negative_indices=False
    )
    return row


def sums_of_tile(sums: Any, k: jax.Array) -> Any:
    """The sums of tile k, (K, T) each, from the sums of all tiles."""
    return jax.tree.map(lambda x: row_of(x, k), sums)


def with_tile(sums: Any, k: jax.Array, valid: jax.Array, of_tile: Any) -> Any:
    """The sums of all tiles; those of tile k become `of_tile` if the pair is this device's.

    Args:
        sums: the sums of all tiles, (tiles, K, T) each.
        k: a tile, shape ().
        valid: whether the pair is this device's, shape ().
        of_tile: the new sums of the tile, (K, T) each.
    """
    return jax.tree.map(lambda x, y: x.at[k].set(jnp.where(valid, y, row_of(x, k))), sums, of_tile)


def without_equal(w: Weights, i: jax.Array, j: jax.Array) -> Weights:
    """The weights, (K, T) each, or zeros where two tiles are one.

    The maxima are then infinite: next to another row's maximum an exponential may overflow, whose
    product with zero is no number.

    Args:
        w: the weights of the second tile's sums, (K, T) each.
        i: the first tile, shape ().
        j: the second, shape ().
    """
    others, own, mean = (jnp.where(i == j, 0, x) for x in (w.others, w.own, w.mean))
    tops = (jnp.where(i == j, jnp.inf, x) for x in (w.others_top, w.own_top))
    return Weights(others, next(tops), own, next(tops), mean)
