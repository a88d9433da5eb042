"""A sigmoid's loss and its gradients in one scan over tiles, in JAX.

The terms softplus(x) of a sigmoid's loss (SigLIP, arXiv 2303.15343) are added without a logarithm,
so that the gradient by a logit of negatives is sigmoid(x) times the weights of its row and of its
column. In a mean over all rows that weight is one number for the whole batch, and can be multiplied
in the end: the first pass has the gradients, too. Where weights turn out to differ, there is a
second one.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

from gcl_jax.loss.mesh import Share
from gcl_jax.loss.scan_tiles import Part, Tiles
from gcl_jax.loss.scans import scan
from gcl_spec.loss.problem import Problem, embeddings_of
from gcl_spec.loss.tiled.pull_back import Gradients
from gcl_spec.loss.tiled.row_sums import Derivatives, RowSums, Weights
from gcl_spec.loss.tiled.tile_logits import LN2, Side

__all__ = ["Unit", "from_unit", "serves", "sums_and_unit"]

Unit: TypeAlias = tuple[Part, jax.Array]
"""Gradients of all tiles, (tiles, ...) by each array, and by the scale and the shift, (2, 1)."""


def serves(problem: Problem) -> bool:
    """Whether it is a sigmoid's problem with one scale and a single positive, of present rows."""
    one = not problem.places and not problem.positives
    return problem.sigmoid and one and problem.present is None and problem.damp is None


def sums_and_unit(tiles: Tiles) -> tuple[RowSums, Unit]:
    """The sums, (K, B) each, and the gradients of negatives for weights that are all 1.

    Args:
        tiles: this device's pairs of tiles of a problem that this module `serves`.
    """
    shift = tiles.zero
    sums, add_sums = tiles.summing(shift)
    ones = jnp.ones((len(tiles.layout.blocks), tiles.size), tiles.zero.dtype) + tiles.zero
    no = jnp.zeros_like(ones)
    unit, _, add_gradients = tiles.grading(Weights(ones, no, no, no, no), shift, together=True)

    def both(carry: Any, at: Share) -> tuple[Any, None]:
        met = tiles.met(at.pair[0], at.pair[1], numbered=True)
        return (add_sums(carry[0], at, met)[0], add_gradients(carry[1], at, met)[0]), None

    sums, unit = scan(both, (sums, unit), tiles.every)
    return tiles.summed(sums, shift), unit


def from_unit(
    tiles: Tiles, unit: Unit, derivatives: Derivatives, otherwise: Callable[[], Gradients]
) -> Gradients:
    """The gradients, (B, D) by rows, from those of weights of 1, where all are one number.

    Args:
        tiles: the tiles of the problem.
        unit: the gradients that `sums_and_unit` gave.
        derivatives: the derivatives of the loss by the sums, (K, B).
        otherwise: the second pass, for weights that differ.
    """
    weights, (of_tiles, total) = derivatives.weights, unit
    weight, mean = weights.others[0, 0], weights.mean
    if tiles.axis_name is not None:  # gradients are parts of a sum over devices: one has these
        mean = jnp.where(jax.lax.axis_index(tiles.axis_name) == 0, mean, 0)

    def with_positives(given: tuple[Side, jax.Array, Part]) -> tuple[Part, jax.Array]:
        """The gradients of a tile, and the weighted sum of its positives' logits, shape ()."""
        side, of_own, of_negatives = given
        value, of_positives = _of_positives(tiles, side, of_own)
        return jax.tree.map(lambda x, y: weight * x + y, of_negatives, of_positives), value

    def scaled() -> tuple[Any, ...]:
        """The gradients of negatives by their weight, with those of positives."""
        pad = tiles.count * tiles.tile - tiles.size
        given = tiles.sides, tiles.cut(mean, 1, pad), of_tiles
        parts, values = jax.lax.map(with_positives, given)
        every = parts, (weight * total).at[0].add(jnp.sum(values))
        return tuple(tiles.gathered(*jax.tree.map(lambda x: x * derivatives.factor, every)))

    alike = jnp.all(weights.others == weight)
    return Gradients(*jax.lax.cond(alike, scaled, lambda: tuple(otherwise())))


def _of_positives(tiles: Tiles, side: Side, mean: jax.Array) -> tuple[jax.Array, Part]:
    """The weighted sum of positives' logits, shape (), with its gradients as tiles have them.

    Args:
        tiles: the tiles of the problem.
        side: one tile, of T samples.
        mean: the weights of these logits, (K, T).
    """

    def of_cosines(z: jax.Array, mix: jax.Array | None) -> jax.Array:
        """The weighted sum of the dot products of each sample's own rows, 0-d."""
        embeddings = embeddings_of(tiles.problem_of(side._replace(z=z, mix=mix)))
        dots = [jnp.sum(embeddings[m] * embeddings[n], axis=1) for m, n in tiles.layout.blocks]
        return jnp.sum(mean * jnp.stack(dots))

    value, (by_z, by_mix) = jax.value_and_grad(of_cosines, (0, 1))(side.z, side.mix)
    if by_mix is not None:
        by_mix *= tiles.scale2
        if tiles.layout.factors == 1:  # times the factor, which `gathered` divides by
            by_mix *= side.mix
    return LN2 * tiles.scale2 * value, Part(by_z, by_mix, None)
