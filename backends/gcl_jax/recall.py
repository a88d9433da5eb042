"""Retrieval metrics on JAX's arrays as one compiled program."""

from functools import partial

import jax
import jax.numpy as jnp

from gcl_spec.recall import rank

__all__ = ["retrieval_metrics"]


def retrieval_metrics(
    scores_QC: jax.Array,
    relevant_QC: jax.Array,
    left_out_QC: jax.Array,
    gains_QC: jax.Array,
    metrics: tuple[str, ...],
) -> jax.Array:
    """The bands of metrics, (T, 3, Q): pessimistic, expected, optimistic.

    A query without metrics has NaN, as in all compiled code (`gcl_spec.recall.rank`).

    Args:
        scores_QC, relevant_QC, left_out_QC, gains_QC: shape (Q, C) each.
        metrics: T names.
    """
    with jax.enable_x64(scores_QC.dtype == jnp.float64):
        bands: jax.Array = _compiled(scores_QC, relevant_QC, left_out_QC, gains_QC, metrics)
    return bands


@partial(jax.jit, static_argnames="metrics")
def _compiled(
    scores_QC: jax.Array,
    relevant_QC: jax.Array,
    left_out_QC: jax.Array,
    gains_QC: jax.Array,
    metrics: tuple[str, ...],
) -> jax.Array:
    ranking = rank(scores_QC, relevant_QC, gains=gains_QC, left_out=left_out_QC, xp=jnp)
    return jnp.stack([jnp.stack(ranking.metric(name)) for name in metrics])
