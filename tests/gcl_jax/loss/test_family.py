"""The family of objectives in JAX's tiles; few programs, each compiles for seconds."""

import jax
import jax.numpy as jnp
import pytest

from family_cases import check, drawn
from gcl_jax.loss.functions import loss_and_grads


@pytest.mark.parametrize(
    ("name", "present"),
    [("hardness of pairs", True), ("sigmoid of pairs", True), ("sigmoid, one order", False)],
)
def test_tiles_equal_the_reference(name: str, present: bool) -> None:
    batch, want = drawn(name, present)
    with jax.enable_x64(True):
        given = {"present": batch.present, "ids": batch.ids, "bias": batch.bias}
        arrays = {k: None if x is None else jnp.asarray(x) for k, x in given.items()}
        found = loss_and_grads(
            jnp.asarray(batch.z),
            jnp.asarray(batch.log_scale),
            objective=batch.objective,
            tile=3,
            **arrays,
        )
    check(want, found)
