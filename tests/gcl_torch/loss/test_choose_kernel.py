"""PyTorch's small and large batches under one rule: gradients in 32 bits, and first ones only."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch

from gcl_spec.errors import InputError
from gcl_spec.loss.equation import gcl_loss as neutral_loss
from gcl_spec.loss.plain import plain_blocks
from gcl_spec.objective import CLIP, GCL, SEPARATION
from gcl_torch import GCLLoss, cached_step, contrastive_loss, gcl_loss
from gcl_torch.loss.terms import gcl_terms

SIZES = (20, 80)
"""Whole blocks, and tiles."""


def rows(samples: int, count: int = 2) -> list[torch.Tensor]:
    drawn = torch.randn(count, samples, 16, generator=torch.Generator().manual_seed(0))
    return list(torch.nn.functional.normalize(drawn, dim=-1))


def by_module(image: torch.Tensor, text: torch.Tensor, **options: Any) -> torch.Tensor:
    criterion = GCLLoss()
    criterion.log_scale.data.fill_(options.pop("log_scale"))
    return criterion(image, text)


def by_names(image: torch.Tensor, text: torch.Tensor, **options: Any) -> torch.Tensor:
    return contrastive_loss({"image": image, "text": text}, objective=GCL, **options)


def in_terms(image: torch.Tensor, text: torch.Tensor, **options: Any) -> torch.Tensor:
    return gcl_terms({"image": image, "text": text}, **options).loss


ENTRIES: dict[str, Callable[..., torch.Tensor]] = {
    "gcl_loss": gcl_loss,
    "contrastive_loss": by_names,
    "GCLLoss": by_module,
    "gcl_terms": in_terms,
    "neutral": neutral_loss,
    "captions": partial(gcl_loss, objective=SEPARATION, captions=rows(80)[0]),
}


@pytest.mark.parametrize("samples", SIZES)
@pytest.mark.parametrize("name", ENTRIES)
def test_backward_inside_autocast_is_not_rounded(name: str, samples: int) -> None:
    loss = ENTRIES[name]
    if name == "captions":
        loss = partial(gcl_loss, objective=SEPARATION, captions=rows(samples, 3)[2])
    found = []
    for inside in (False, True):
        leaves = [x.clone().requires_grad_() for x in rows(samples)]
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=inside):
            loss(*leaves, log_scale=4.0).backward()
        found.append(torch.stack([x.grad for x in leaves]))
    assert torch.equal(*found)


@pytest.mark.parametrize("samples", SIZES)
def test_a_cached_step_inside_autocast_is_not_rounded(samples: int) -> None:
    found = []
    for inside in (False, True):
        leaves = [x.clone().requires_grad_() for x in rows(samples)]
        loss = partial(gcl_loss, log_scale=4.0)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=inside):
            cached_step(tuple, leaves, loss, microbatch=samples // 2)
        found.append(torch.stack([x.grad for x in leaves]))
    assert torch.equal(*found)


@pytest.mark.filterwarnings("ignore:Dynamo detected", "ignore:The .grad attribute")
def test_compiled_inside_autocast_is_not_rounded() -> None:
    found = []
    short = replace(GCL, directions=GCL.directions[3:4])  # to fused rows, in the pool of all
    for backend in (None, "aot_eager"):
        leaves = [x.clone().requires_grad_() for x in rows(20)]
        step = partial(gcl_loss, log_scale=4.0, objective=short)
        if backend:
            step = torch.compile(step, backend=backend)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=backend is not None):
            step(*leaves).backward()
        found.append(torch.stack([x.grad for x in leaves]))
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("samples", SIZES)
@pytest.mark.parametrize("name", ["image", "log_scale", "weights", "captions"])
def test_a_second_derivative_is_an_error_in_batches_of_any_size(name: str, samples: int) -> None:
    image, text, captions = rows(samples, 3)
    given = {
        "image": image,
        "log_scale": torch.tensor(1.0),
        "weights": torch.ones(samples),
        "captions": captions,
    }
    leaf = given[name].requires_grad_()
    options = {"log_scale": given["log_scale"], "captions": given["captions"]}
    loss = gcl_loss(given["image"], text, weights=(given["weights"], 1.0), **options)
    (grad,) = torch.autograd.grad(loss, leaf, create_graph=True)
    with pytest.raises(InputError, match=r"no second derivative.*plain_blocks"):
        torch.autograd.grad(grad.sum(), leaf)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("samples", SIZES)
@pytest.mark.parametrize("transform", [torch.func.jacfwd, torch.func.hessian])
def test_no_forward_mode_in_batches_of_any_size(transform: Any, samples: int) -> None:
    image, text = rows(samples)
    with pytest.raises(InputError, match="no forward mode"):
        transform(lambda x: gcl_loss(x, text, log_scale=1.0))(image)


def test_the_way_out_has_second_derivatives() -> None:
    image, text = (x.double() for x in rows(6))

    def loss(x: torch.Tensor) -> torch.Tensor:
        return neutral_loss(x, text, log_scale=1.0, objective=CLIP, kernel=plain_blocks)

    assert torch.autograd.gradgradcheck(loss, image.requires_grad_())
