"""Gradient caching in PyTorch: the gradients of the whole batch, whatever the microbatch."""

import gc
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import gcl_torch
from gcl_spec.errors import InputError
from gcl_spec.loss.equation import gcl_loss
from gcl_torch.cached.step import cached_step

Batch = dict[str, torch.Tensor]


def unit(x: torch.Tensor) -> torch.Tensor:
    return x / x.norm(dim=-1, keepdim=True)


class Towers(nn.Module):
    """Two small towers and a learned scale; `middle` comes after the first layers."""

    def __init__(self, *middle: Callable[[], nn.Module], dtype: Any = torch.float64) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.image = nn.Sequential(nn.Linear(6, 8), *(m() for m in middle), nn.Linear(8, 5))
        self.text = nn.Sequential(nn.Linear(4, 8), *(m() for m in middle), nn.Linear(8, 5))
        self.log_scale = nn.Parameter(torch.tensor(1.5))
        self.to(dtype)

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        return {name: unit(getattr(self, name)(batch[name])) for name in ("image", "text")}

    def loss(self, **z: torch.Tensor) -> torch.Tensor:
        return gcl_loss(**z, log_scale=self.log_scale)

    def grads(self) -> list[torch.Tensor]:
        assert all(p.grad is not None for p in self.parameters())
        return [p.grad.clone() for p in self.parameters() if p.grad is not None]


def inputs(size: int, seed: int = 0, dtype: Any = torch.float64) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"image": (size, 6), "text": (size, 4)}
    return {n: torch.randn(s, generator=generator, dtype=dtype) for n, s in shapes.items()}


def close(found: Any, want: Any, tolerance: float = 1e-12) -> None:
    for one, two in zip(found, want, strict=True):
        error = (one - two).norm().item()
        assert error <= tolerance * max(two.norm().item(), 1e-3), (error, two.norm())


def compare(model: Towers, batch: Batch, microbatch: int, tolerance: float = 1e-12) -> None:
    want = model.loss(**model(batch))
    want.backward()
    grads = model.grads()
    model.zero_grad()
    found = cached_step(model, batch, model.loss, microbatch=microbatch)
    assert not found.requires_grad
    assert found.item() == pytest.approx(want.item(), rel=tolerance)
    close(model.grads(), grads, tolerance)


@given(st.integers(1, 12), st.integers(1, 14), st.integers(0, 2**31))
def test_it_equals_the_plain_step(size: int, microbatch: int, seed: int) -> None:
    compare(Towers(nn.Tanh), inputs(size, seed), microbatch)


@pytest.mark.parametrize("microbatch", [1, 3, 4, 8, 100])
def test_gradients_are_added_to_those_that_are_there(microbatch: int) -> None:
    model, batch = Towers(nn.Tanh), inputs(8)
    cached_step(model, batch, model.loss, microbatch=microbatch)
    once = model.grads()
    cached_step(model, batch, model.loss, microbatch=microbatch)
    close(model.grads(), [2 * g for g in once])


class Pair(NamedTuple):
    image: torch.Tensor
    text: torch.Tensor


OUTPUTS: dict[str, Callable[[dict[str, torch.Tensor]], Any]] = {
    "mapping": lambda z: z,
    "tuple": lambda z: (z["image"], z["text"]),
    "list": lambda z: [z["image"], z["text"]],
    "named tuple": lambda z: Pair(**z),
    "one tensor": lambda z: torch.stack([z["image"], z["text"]], dim=1),
}


@pytest.mark.parametrize("kind", OUTPUTS)
def test_outputs_by_position_and_by_keyword(kind: str) -> None:
    model, batch = Towers(nn.Tanh), inputs(7)

    def encode(part: Pair) -> Any:
        return OUTPUTS[kind](model({"image": part.image, "text": part.text}))

    def loss(*z: torch.Tensor, **named: torch.Tensor) -> torch.Tensor:
        if len(z) == 1:
            z = z[0].unbind(1)
        return model.loss(**(named or {"image": z[0], "text": z[1]}))

    want = model.loss(**model(batch))
    want.backward()
    grads = model.grads()
    model.zero_grad()
    found = cached_step(encode, Pair(**batch), loss, microbatch=3)
    assert found.item() == pytest.approx(want.item(), rel=1e-12)
    close(model.grads(), grads)


@pytest.mark.parametrize("microbatch", [2, 3, 9])
def test_scales_ids_and_numbers_go_through_the_encoder(microbatch: int) -> None:
    """As models of open_clip return their scale; GradCache raises TypeError for such keywords."""
    model, batch = Towers(nn.Tanh), inputs(7)
    ids = torch.tensor([0, 1, 2, 0, 3, 4, 1])

    def encode(part: dict[str, Any]) -> dict[str, Any]:
        towers = model(part)
        return towers | {"ids": part["ids"], "scale": model.log_scale * part["factor"], "add": 0.5}

    def loss(scale: torch.Tensor, add: float, **z: torch.Tensor) -> torch.Tensor:
        return gcl_loss(z["image"], z["text"], log_scale=scale, ids=z["ids"]) + add

    whole = batch | {"ids": ids, "factor": torch.tensor(0.7)}
    want = loss(**encode(whole))
    want.backward()
    grads = model.grads()
    model.zero_grad()
    found = cached_step(encode, whole, loss, microbatch=microbatch)
    assert found.item() == pytest.approx(want.item(), rel=1e-12)
    close(model.grads(), grads)


@given(st.integers(1, 9), st.integers(1, 10), st.integers(0, 2**31))
def test_dropout_has_the_same_masks_in_both_passes(size: int, microbatch: int, seed: int) -> None:
    model, batch = Towers(partial(nn.Dropout, 0.4)), inputs(size)
    torch.manual_seed(seed)
    parts = [
        model({name: x[start : start + microbatch] for name, x in batch.items()})
        for start in range(0, size, microbatch)
    ]
    want = model.loss(**{name: torch.cat([p[name] for p in parts]) for name in batch})
    after = torch.get_rng_state()
    want.backward()
    grads = model.grads()
    model.zero_grad()
    torch.manual_seed(seed)
    found = cached_step(model, batch, model.loss, microbatch=microbatch)
    assert found.item() == pytest.approx(want.item(), rel=1e-12)
    close(model.grads(), grads)
    assert torch.equal(torch.get_rng_state(), after), "the stream goes on as after one pass"


def test_the_graph_of_one_microbatch_is_alive_at_a_time() -> None:
    model, batch = Towers(nn.Tanh), inputs(12)
    alive: set[int] = set()
    peaks: list[int] = []
    samples: list[int] = []

    class Saved:
        def __init__(self, x: torch.Tensor) -> None:
            self.x = x

    def pack(x: torch.Tensor) -> Saved:
        saved = Saved(x)
        alive.add(id(saved))
        weakref.finalize(saved, alive.discard, id(saved))
        return saved

    def encode(part: Batch) -> Any:
        peaks.append(len(alive))
        samples.append(len(part["image"]))
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda saved: saved.x):
            out = model(part)
        assert bool(alive) == torch.is_grad_enabled()
        return out

    gc.disable()
    try:
        cached_step(encode, batch, model.loss, microbatch=5)
        assert peaks == [0] * 6, "nothing of an earlier graph is left when a microbatch begins"
        assert samples == [5, 5, 2] * 2
        assert not alive
    finally:
        gc.enable()


def test_frozen_parts_and_unused_outputs_take_no_gradient() -> None:
    model, batch = Towers(nn.Tanh), inputs(6)
    model.image.requires_grad_(False)

    def encode(part: Batch) -> dict[str, torch.Tensor]:
        return model(part) | {"more": part["image"] @ torch.ones(6, 2, dtype=torch.float64)}

    def loss(image: torch.Tensor, text: torch.Tensor, more: torch.Tensor) -> torch.Tensor:
        return model.loss(image=image, text=text)

    loss(**encode(batch)).backward()
    trained = [p for p in model.parameters() if p.requires_grad]
    grads = [p.grad.clone() for p in trained if p.grad is not None]
    model.zero_grad()
    cached_step(encode, batch, loss, microbatch=4)
    close([p.grad for p in trained], grads)
    assert all(p.grad is None for p in model.image.parameters())


def test_inputs_may_be_leaves_that_take_a_gradient() -> None:
    model, batch = Towers(nn.Tanh), inputs(6)
    prompt = batch["text"].requires_grad_()
    model.loss(**model(batch)).backward()
    want, prompt.grad = prompt.grad, None
    cached_step(model, batch, model.loss, microbatch=4)
    close([prompt.grad], [want])
    with pytest.raises(InputError, match=r"inputs\['text'\] is the output of another computation"):
        cached_step(model, batch | {"text": prompt * 2}, model.loss, microbatch=4)


def test_it_works_inside_no_grad() -> None:
    model, batch = Towers(nn.Tanh), inputs(6)
    cached_step(model, batch, model.loss, microbatch=4)
    want = model.grads()
    model.zero_grad()
    with torch.no_grad():
        cached_step(model, batch, model.loss, microbatch=4)
    close(model.grads(), want)


def test_the_name_is_imported_when_it_is_used() -> None:
    assert gcl_torch.cached_step is cached_step
    assert "cached_step" in dir(gcl_torch)
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        _ = gcl_torch.other


@pytest.mark.parametrize("microbatch", [2, 3, 5, 9])
@pytest.mark.parametrize("where", ["loss", "encoder"])
def test_only_the_scale_is_trained(where: str, microbatch: int) -> None:
    """Frozen towers: the gradient comes in the loss, or through one value of the encoder."""
    model, batch = Towers(nn.Tanh), inputs(5)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name == "log_scale")

    def encode(batch: Batch) -> dict[str, torch.Tensor]:
        scale = {} if where == "loss" else {"log_scale": model.log_scale}
        return model(batch) | scale

    loss = model.loss if where == "loss" else gcl_loss
    want = model.loss(**model(batch))
    want.backward()
    grad, model.log_scale.grad = model.log_scale.grad, None
    found = cached_step(encode, batch, loss, microbatch=microbatch)
    assert found.item() == pytest.approx(want.item(), rel=1e-12)
    close([model.log_scale.grad], [grad])
    assert all(p.grad is None for p in model.parameters() if p is not model.log_scale)
