"""What autograd may ask of PyTorch's tiles: large logits, transforms, second derivatives."""

from functools import partial
from math import log
from typing import Any

import pytest
import torch
from torch.utils.checkpoint import checkpoint

from gcl_spec.errors import InputError
from gcl_spec.loss.equation import gcl_loss
from gcl_spec.loss.plain import plain_blocks
from gcl_spec.objective import CLIP, GCL, Objective
from gcl_torch.loss import kernel as gram
from gcl_torch.loss.kernel import GramKernel

TILED = partial(gcl_loss, kernel=GramKernel(8))


def rows(seed: int, samples: int = 20, norm: float = 1.0, width: int = 6) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(2, samples, width, generator=generator, dtype=torch.float64)
    return [norm * x for x in torch.nn.functional.normalize(drawn, dim=-1)]


def gradients(kernel: Any, dtype: torch.dtype, *inputs: torch.Tensor, **options: Any) -> Any:
    leaves = [x.to(dtype).requires_grad_() for x in inputs]
    loss = gcl_loss(*leaves, kernel=kernel, **options)
    return torch.stack(torch.autograd.grad(loss, leaves)).double()


@pytest.mark.parametrize("positives", [False, True])
@pytest.mark.parametrize(("norm", "scale"), [(10, 100), (10, 1e4), (100, 100), (100, 1e4)])
def test_large_logits_are_as_exact_as_in_whole_blocks(
    norm: float, scale: float, positives: bool
) -> None:
    """A log-sum of 2**23 in float32 has no digit of its rest: shares would be off by factors."""
    inputs = [x.float().double() for x in rows(0, 200, norm, 32)]
    options: dict[str, Any] = {"log_scale": log(scale)}
    if positives:
        objective = Objective(duplicates="positive", self_term="keep")
        options |= {"ids": torch.arange(200) % 150, "objective": objective}
    exact = gradients(plain_blocks, torch.float64, *inputs, **options)
    size = torch.linalg.vector_norm(exact)
    plain = gradients(plain_blocks, torch.float32, *inputs, **options)
    tiled = gradients(GramKernel(64), torch.float32, *inputs, **options)
    error, allowed = (torch.linalg.vector_norm(x - exact) / size for x in (tiled, plain))
    assert error <= 10 * allowed + 1e-6


@pytest.mark.parametrize("on_host", [True, False])
@pytest.mark.parametrize("scales", [(500.0, 500.0), (10.0, 500.0)])
def test_shares_that_only_64_bits_hold(
    scales: tuple[float, float], on_host: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A direction's gradients of 1e-152 are divided by their size, which float32 takes for 0."""
    monkeypatch.setattr(gram, "_on_host", lambda device: on_host)
    monkeypatch.setattr(gram, "_compiled", dict)
    places = torch.arange(128)
    image = torch.zeros(128, 256, dtype=torch.float64)
    image[places, places] = 1
    text = 0.7 * image
    text[places, 128 + places] = 0.51**0.5
    log_scale = torch.tensor(scales, dtype=torch.float64).log()
    options: dict[str, Any] = {"objective": CLIP, "log_scale": log_scale}
    exact = gradients(plain_blocks, torch.float64, image, text, **options)
    found = gradients(GramKernel(64), torch.float32, image, text, **options)
    error = torch.linalg.vector_norm(found - exact)
    assert error <= 1e-5 * torch.linalg.vector_norm(exact) + 1e-40


def test_transforms() -> None:
    image, text = rows(1)
    scales = torch.tensor([1.0, 2.0], dtype=torch.float64)
    by_rows = partial(torch.func.grad(lambda x, s: TILED(x, text, log_scale=s)))
    found = torch.func.vmap(by_rows, in_dims=(None, 0))(image, scales)
    want = [by_rows(image, s) for s in scales]
    torch.testing.assert_close(found, torch.stack(want))
    many = torch.stack([image, text.flip(0)])
    found = torch.func.vmap(by_rows, in_dims=(0, None))(many, scales[0])
    torch.testing.assert_close(found, torch.stack([by_rows(x, scales[0]) for x in many]))
    jacobian = torch.func.jacrev(lambda s: TILED(image, text, log_scale=s))(scales[1])
    plain = torch.func.jacrev(lambda s: gcl_loss(image, text, log_scale=s))(scales[1])
    torch.testing.assert_close(jacobian, plain)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("transform", [torch.func.jacfwd, torch.func.hessian])
def test_no_forward_mode(transform: Any) -> None:
    image, text = rows(2)
    with pytest.raises(InputError, match="no forward mode"):
        transform(lambda x: TILED(x, text, log_scale=1.0))(image)


@pytest.mark.parametrize("name", ["image", "log_scale", "weights", "captions"])
def test_a_second_derivative_by_anything_is_an_error(name: str) -> None:
    image, text = rows(3)
    given = {
        "image": image,
        "log_scale": torch.tensor(1.0, dtype=torch.float64),
        "weights": torch.ones(20, dtype=torch.float64),
        "captions": rows(4)[0],
    }
    leaf = given[name].requires_grad_()
    options = {"log_scale": given["log_scale"], "captions": given["captions"]}
    loss = TILED(given["image"], text, weights=(given["weights"], 1.0), objective=GCL, **options)
    (grad,) = torch.autograd.grad(loss, leaf, create_graph=True)
    with pytest.raises(InputError, match="no second derivative"):
        torch.autograd.grad(grad.sum(), leaf)


def test_recomputed_in_backward() -> None:
    """torch.utils.checkpoint hands out each saved tensor once."""
    image, text = rows(5, 130)
    leaf = image.clone().requires_grad_()
    loss = checkpoint(lambda x: TILED(x, text, log_scale=1.0), leaf, use_reentrant=False)
    loss.backward()
    want = torch.func.grad(lambda x: TILED(x, text, log_scale=1.0))(image)
    torch.testing.assert_close(leaf.grad, want)


def test_products_are_kept_only_for_a_backward_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []
    tiles = GramKernel.tiles

    def watched(self: GramKernel, *given: Any, **options: Any) -> Any:
        kept.append(self.cache_bytes)
        return tiles(self, *given, **options)

    monkeypatch.setattr(GramKernel, "tiles", watched)
    image, text = rows(6)
    with torch.no_grad():
        gcl_loss(image, text, log_scale=1.0, kernel=GramKernel(8, cache_bytes=1000))
    gcl_loss(image, text, log_scale=1.0, kernel=GramKernel(8, cache_bytes=1000))
    assert kept == [0, 1000]
