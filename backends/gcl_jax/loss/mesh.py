"""Pairs of tiles shared by the devices of a mesh axis, inside `jax.shard_map`."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from gcl_spec.loss.tiled.log_sums import LogSums, log_sum_over
from gcl_spec.loss.tiled.row_sums import Own, RowSums

__all__ = ["Share", "of_first", "over_devices", "share_of", "whole"]


class Share(NamedTuple):
    """A device's pairs of tiles; with several devices the last may be no pair of its own."""

    pair: jax.Array
    """(P, 2), the places of the two tiles; (P, 1) of tiles with themselves; one pair in a scan."""
    valid: jax.Array
    """(P,) booleans: the pair is this device's."""


def share_of(pairs: np.ndarray[Any, Any], rank: jax.Array | int, size: int) -> Share:
    """Every `size`-th of the pairs, from the `rank`-th on.

    Args:
        pairs: all pairs of tiles, (P, 2), or tiles with themselves, (P, 1).
        rank: the place of this device, a number or shape ().
        size: the number of devices.
    """
    count = -(-len(pairs) // size)
    turns = jnp.arange(count) * size + rank
    valid = turns < len(pairs)
    padded = jnp.asarray(np.concatenate([pairs, np.zeros((1, pairs.shape[1]), int)]), jnp.int32)
    return Share(padded[jnp.where(valid, turns, len(pairs))], valid)


def of_first(x: jax.Array, axis_name: str | None) -> jax.Array:
    """The first device's array, of any shape, on all devices, each of which has computed it."""
    if axis_name is None:
        return x
    first = jax.lax.axis_index(axis_name) == 0
    return jnp.asarray(jax.lax.psum(jnp.where(first, x, 0), axis_name))  # type: ignore[no-untyped-call]


def over_devices(sums: RowSums, axis_name: str, *, linear: bool = False) -> RowSums:
    """The sums of all devices together, (K, B) each, on each of them.

    Args:
        sums: the sums of this device's pairs of tiles, (K, B) each.
        axis_name: the mesh axis.
        linear: whether the sums over others are those of a sigmoid, which are no logarithms.
    """

    def largest(x: jax.Array) -> jax.Array:
        return jnp.asarray(jax.lax.pmax(jax.lax.stop_gradient(x), axis_name))  # type: ignore[no-untyped-call]

    def total(x: jax.Array) -> jax.Array:
        return jnp.asarray(jax.lax.psum(x, axis_name))  # type: ignore[no-untyped-call]

    own = log_sum_over(sums.own.logs, largest, total, jnp)
    if linear:
        others = LogSums(total(sums.others.top), total(sums.others.rest))
    else:
        others = log_sum_over(sums.others, largest, total, jnp)
    return RowSums(others, Own(own, total(sums.own.linear), total(sums.own.count)))


def whole(tree: Any) -> Any:
    """A tree whose arrays are whole on every device, also where a mesh's Explicit axes cut them.

    Such axes, which `jax.make_mesh` makes unless told otherwise, are part of an array's type, and
    operations across samples do not take it; over Auto axes XLA does the same by itself.
    """

    def one(x: Any) -> Any:
        if not isinstance(x, jax.Array):
            return x
        sharding: Any = jax.typeof(x).sharding
        if all(axis is None for axis in sharding.spec):
            return x
        alone = NamedSharding(sharding.mesh, PartitionSpec(*[None] * x.ndim))  # type: ignore[no-untyped-call]
        return jax.sharding.reshard(x, alone)  # type: ignore[no-untyped-call]

    return jax.tree.map(one, tree)
