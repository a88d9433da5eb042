"""Loss and gradients by JAX's autodiff over the neutral equation, compiled once a shape."""

from functools import partial

import jax
import jax.numpy as jnp

from gcl_spec.backend import LossAndGrads
from gcl_spec.checks import check_stack, check_values
from gcl_spec.loss import stacked_loss
from gcl_spec.objective import Objective

__all__ = ["loss_and_grads"]


def loss_and_grads(
    z_MBD: jax.Array,
    log_scale: jax.Array,
    /,
    *,
    objective: Objective,
    present: jax.Array | None = None,
    ids: jax.Array | None = None,
) -> LossAndGrads:
    """The objective and its gradients; see `gcl_spec.backend.Backend.loss_and_grads`."""
    check_stack(z_MBD, log_scale, objective, present, ids, jnp)
    check_values(z_MBD, log_scale, objective, present, jnp)
    found: LossAndGrads = _compiled(z_MBD, log_scale, present, ids, objective=objective)
    return found


@partial(jax.jit, static_argnames="objective")
def _compiled(
    z_MBD: jax.Array,
    log_scale: jax.Array,
    present: jax.Array | None,
    ids: jax.Array | None,
    *,
    objective: Objective,
) -> LossAndGrads:
    def loss(z: jax.Array, s: jax.Array) -> jax.Array:
        value: jax.Array = stacked_loss(
            z, s, objective=objective, present_MB=present, ids_B=ids, xp=jnp
        )
        return value

    value, (grads, dlog_scale) = jax.value_and_grad(loss, argnums=(0, 1))(z_MBD, log_scale)
    return LossAndGrads(value, grads, dlog_scale)
