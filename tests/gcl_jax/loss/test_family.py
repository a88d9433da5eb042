"""The family of objectives in JAX's tiles; few programs, each compiles for seconds."""

import jax
import jax.numpy as jnp
import pytest

from family_cases import check, drawn
from gcl_jax.loss.functions import loss_and_grads


@pytest.mark.parametrize("name", ["hardness of pairs", "sigmoid of pairs"])
def test_tiles_equal_the_reference(name: str) -> None:
    batch, want = drawn(name, True)
    with jax.enable_x64(True):
        given = {"present": batch.present, "ids": batch.ids, "bias": batch.bias}
        arrays = {k: jnp.asarray(x) for k, x in given.items()}
        found = loss_and_grads(
            jnp.asarray(batch.z),
            jnp.asarray(batch.log_scale),
            objective=batch.objective,
            tile=3,
            **arrays,
        )
    check(want, found)
