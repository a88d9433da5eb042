"""The loss with the means of its directions, for logs."""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gcl_jax.loss.gathered_rows import gathered, one_value
from gcl_jax.loss.kernel import GramKernel
from gcl_spec.geometry import modality_gaps
from gcl_spec.loss.equation import contrastive_terms
from gcl_spec.loss.inputs import Weights
from gcl_spec.loss.terms import direction_losses, mean_term
from gcl_spec.objective import GCL, Objective

__all__ = ["DirectionLosses", "gcl_terms"]


class DirectionLosses(NamedTuple):
    """A loss with what it is made of."""

    loss: jax.Array
    """Shape ()."""
    directions: dict[str, jax.Array]
    """The mean of each direction's terms, shape (), by its name ("image->text")."""
    gap: dict[str, jax.Array]
    """The distance and the cosine of the modalities' means, shape () each, by their names."""
    pairs: jax.Array
    """The samples that have both sides of each direction, (T,)."""


def gcl_terms(
    embeddings: Mapping[str, jax.Array],
    *,
    log_scale: jax.Array | float,
    objective: Objective = GCL,
    weights: Mapping[str, Weights] | None = None,
    present: Mapping[str, jax.Array] | None = None,
    ids: jax.Array | None = None,
    bias: jax.Array | float | None = None,
    axis_name: str | None = None,
) -> DirectionLosses:
    """The loss of `gcl_jax.contrastive_loss`, with the losses of its directions.

    The arguments are those of `gcl_jax.contrastive_loss`. The loss of a direction is 0 where no
    sample has both of its parts.

    >>> losses = gcl_terms({"image": jnp.eye(4), "text": jnp.eye(4)}, log_scale=0.0)
    >>> {name: round(float(x), 2) for name, x in losses.directions.items() if "+" not in name}
    {'image->text': 1.67, 'text->image': 1.67}
    """
    given = (dict(embeddings), {"weights": weights, "present": present, "ids": ids})
    rows, extras = gathered(given, axis_name)
    terms = contrastive_terms(
        rows,
        log_scale=log_scale,
        objective=objective,
        bias=bias,
        xp=jnp,
        kernel=GramKernel(None, axis_name),
        **extras,
    )
    still = jax.tree.map(jax.lax.stop_gradient, (rows, terms))
    numbers = (
        mean_term(terms, objective, xp=jnp),
        direction_losses(still[1], objective, xp=jnp),
        modality_gaps(still[0], extras["present"], xp=jnp),
        jnp.sum(terms.valid, axis=1),
    )
    return DirectionLosses(*one_value(numbers, axis_name))
