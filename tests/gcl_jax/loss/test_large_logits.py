"""Compiled losses where logits are so large that one rounding is more than exp bears."""

from math import log

import jax
import numpy as np
import pytest

from gcl_jax import gcl_loss as compiled_loss
from gcl_spec.loss import gcl_loss


@pytest.mark.parametrize("norm", [1e5, 1e9])
def test_the_loss_of_few_samples_and_its_gradient(norm: float) -> None:
    """They were NaN, Inf or -Inf: XLA rounded a difference in two ways."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((2, 20, 8))
    image, text = (norm * rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)

    def loss(x: jax.Array) -> jax.Array:
        return compiled_loss(x, jax.numpy.asarray(text), log_scale=log(10.0))

    value, grad = jax.jit(jax.value_and_grad(loss))(image)
    exact = [
        float(gcl_loss(c * image.astype(float), text.astype(float), log_scale=log(10.0)))
        for c in (1 - 1e-4, 1, 1 + 1e-4)
    ]
    assert value == pytest.approx(exact[1], rel=1e-6)
    assert np.vdot(grad, image) == pytest.approx((exact[2] - exact[0]) / 2e-4, rel=1e-4)
