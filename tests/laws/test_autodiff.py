"""`gcl_loss` in other people's loops: the framework's own gradients, and peers' failing cases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from gcl_spec.backend import Backend
from gcl_spec.loss.equation import gcl_loss
from gcl_spec.normalize import l2_normalize
from gcl_spec.objective import GCL, Objective


def rows(seed: int, batch: int = 6, width: int = 5) -> np.ndarray:
    return l2_normalize(np.random.default_rng(seed).normal(size=(batch, width)))


def through_fusion(reference: Backend, image: np.ndarray, text: np.ndarray, log_scale: float):
    """Gradient by image, with the chain rule through the normalised sum written out."""
    total = image + text
    size = np.linalg.norm(total, axis=1, keepdims=True)
    fused = total / size
    found = reference.loss_and_grads(
        np.stack([image, text, fused]), np.asarray(log_scale), objective=GCL
    )
    g = found.grads[2]
    return found, found.grads[0] + (g - (g * fused).sum(1, keepdims=True) * fused) / size


def test_torch_autograd_through_the_fusion(reference: Backend) -> None:
    image, text = rows(0), rows(1)
    found, want = through_fusion(reference, image, text, 2.0)
    x = torch.tensor(image, requires_grad=True)
    s = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    loss = gcl_loss(x, torch.tensor(text), log_scale=s)
    loss.backward()
    assert loss.item() == pytest.approx(float(found.loss), rel=1e-13)
    assert np.allclose(x.grad.numpy(), want, rtol=1e-10, atol=1e-13)
    assert s.grad.item() == pytest.approx(float(found.dlog_scale), rel=1e-11)


def test_jax_grad_and_jit_through_the_fusion(reference: Backend) -> None:
    image, text = rows(2), rows(3)
    found, want = through_fusion(reference, image, text, 2.0)
    with jax.enable_x64(True):
        step = jax.jit(
            jax.value_and_grad(lambda i, t, s: gcl_loss(i, t, log_scale=s, xp=jnp), argnums=(0, 2))
        )
        value, (dx, ds) = step(jnp.asarray(image), jnp.asarray(text), jnp.asarray(2.0))
    assert float(value) == pytest.approx(float(found.loss), rel=1e-13)
    assert np.allclose(np.asarray(dx), want, rtol=1e-10, atol=1e-13)
    assert float(ds) == pytest.approx(float(found.dlog_scale), rel=1e-11)


def test_torch_transforms() -> None:
    image, text = torch.tensor(rows(4)), torch.tensor(rows(5))
    scales = torch.tensor([1.0, 2.0], dtype=torch.float64)
    found = torch.func.vmap(lambda s: gcl_loss(image, text, log_scale=s))(scales)
    want = [gcl_loss(image, text, log_scale=float(s)) for s in scales]
    assert torch.allclose(found, torch.stack(want))
    grad = torch.func.grad(lambda x: gcl_loss(x, text, log_scale=1.0))(image)
    x = image.clone().requires_grad_()
    gcl_loss(x, text, log_scale=1.0).backward()
    assert torch.allclose(grad, x.grad)


def test_a_missing_row_has_exactly_no_gradient() -> None:
    """Well-known losses give it a gradient of 1e12, or NaN."""
    image, text = rows(6), rows(7)
    text[2], text[4] = 0.0, np.nan
    x = torch.tensor(text, requires_grad=True)
    here = torch.tensor([True, True, False, True, False, True])
    gcl_loss(torch.tensor(image), x, log_scale=4.6, present={"text": here}).backward()
    assert torch.equal(x.grad[~here], torch.zeros(2, 5, dtype=torch.float64))
    assert torch.isfinite(x.grad).all()
    assert (x.grad[here] != 0).any(dim=1).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_wrong_pair_at_scale_100_is_not_capped(dtype: torch.dtype) -> None:
    """A well-known loss reports 43.7 and a gradient of exactly 0 where the loss is 100."""
    image = torch.eye(2, dtype=dtype).requires_grad_()
    text = torch.eye(2, dtype=dtype).flip(0)
    one_way = Objective(modalities=("image", "text"), pool="target")
    loss = gcl_loss(image, text, log_scale=float(np.log(100)), objective=one_way)
    loss.backward()
    assert loss.item() == pytest.approx(100.0, rel=1e-5)
    assert image.grad.abs().max() > 1


def test_the_gradient_of_the_scale_is_finite_for_any_directions() -> None:
    """A well-known library gives NaN with four directions and a learned scale."""
    s = torch.tensor(4.6, requires_grad=True)
    four = Objective(directions=GCL.directions[:4], pool="target")
    image, text = (torch.tensor(rows(n), dtype=torch.float32) for n in (8, 9))
    gcl_loss(image, text, log_scale=s, objective=four).backward()
    assert torch.isfinite(s.grad)
    assert s.grad != 0


def test_16_bit_rows_give_a_32_bit_loss() -> None:
    x, y = (torch.tensor(rows(n), dtype=torch.bfloat16) for n in (10, 11))
    assert gcl_loss(x, y, log_scale=4.6).dtype == torch.float32
    small = gcl_loss(
        jnp.asarray(rows(10), jnp.bfloat16), jnp.asarray(rows(11), jnp.bfloat16), log_scale=4.6
    )
    assert small.dtype == jnp.float32
