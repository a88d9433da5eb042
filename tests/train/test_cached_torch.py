"""Gradient caching in PyTorch: the gradients of the whole batch, whatever the microbatch."""

import gc
import random
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
from gcl_spec.errors import InputError, InputTypeError, TrainingError
from gcl_spec.loss import gcl_loss
from gcl_torch.cached import cached_step

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


class Jumping(nn.Module):
    """Buffers that are replaced, not written into, and that the output depends on."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros((), dtype=torch.float64))
        self.register_buffer("last", None)
        self.register_buffer("wide", torch.ones(1, dtype=torch.float64).expand(8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls = self.calls + 1
        self.last = x.detach().mean(0)
        return x * self.calls * self.wide


def ways_to(model: nn.Module) -> list[Callable[[Batch], Any]]:
    class Holder:
        def __init__(self) -> None:
            self.models = [model]

        def encode(self, batch: Batch) -> Any:
            return self.models[0](batch)

        def __call__(self, batch: Batch) -> Any:
            return self.encode(batch)

    def plain(batch: Batch, by: Any = model) -> Any:
        return by(batch)

    holder = Holder()
    return [
        model,
        model.forward,
        lambda b: model(b),
        partial(plain, by=model),
        plain,
        holder.encode,
        holder,
        lambda b: next(model(part) for part in [b]),
    ]


@pytest.mark.parametrize("way", range(8))
@pytest.mark.parametrize("layer", [partial(nn.BatchNorm1d, 8), Jumping])
def test_buffers_change_once_and_are_equal_in_both_passes(
    layer: Callable[[], nn.Module], way: int
) -> None:
    batch = inputs(10)
    plain, cached = Towers(layer), Towers(layer)
    parts = [plain({n: x[a : a + 4] for n, x in batch.items()}) for a in (0, 4, 8)]
    want = plain.loss(**{name: torch.cat([p[name] for p in parts]) for name in batch})
    want.backward()
    found = cached_step(ways_to(cached)[way], batch, cached.loss, microbatch=4)
    assert found.item() == pytest.approx(want.item(), rel=1e-12)
    close(cached.grads(), plain.grads())
    for one, two in zip(cached.buffers(), plain.buffers(), strict=True):
        assert torch.equal(one, two)


def test_modules_that_cannot_be_found_are_named() -> None:
    hidden = {"model": Towers(partial(nn.BatchNorm1d, 8))}

    class Far:
        at: Any = property(lambda self: hidden)

    far, batch = Far(), inputs(8)
    layer = hidden["model"].image[1]
    for modules, count in ([], 4), ([hidden["model"]], 6):
        cached_step(
            lambda part: far.at["model"](part),
            batch,
            hidden["model"].loss,
            microbatch=4,
            modules=modules,
        )
        assert layer.num_batches_tracked == count, "twice for each microbatch, then once"


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


@pytest.mark.parametrize("microbatch", [3, 8])
def test_autocast_holds_for_both_passes_and_not_for_gradients(microbatch: int) -> None:
    model, batch = Towers(nn.Tanh, dtype=torch.float32), inputs(8, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        parts = [
            model({name: x[start : start + microbatch] for name, x in batch.items()})
            for start in range(0, 8, microbatch)
        ]
        want = model.loss(**{name: torch.cat([p[name] for p in parts]) for name in batch})
    want.backward()
    grads = model.grads()
    model.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with torch.no_grad():
            model(batch)
        found = cached_step(model, batch, model.loss, microbatch=microbatch)
        assert torch.is_autocast_enabled("cpu")
    assert found.item() == pytest.approx(want.item(), rel=1e-6)
    # Sums over microbatches of rounded gradients: equal to a few units of bfloat16.
    close(model.grads(), grads, 1e-2)


def test_a_compiled_encoder() -> None:
    model, batch = Towers(partial(nn.Dropout, 0.3), partial(nn.BatchNorm1d, 8)), inputs(8)
    eager = torch.compile(model, backend="aot_eager")
    torch.manual_seed(3)
    want = cached_step(model, batch, model.loss, microbatch=4)
    grads, buffers = model.grads(), [b.clone() for b in model.buffers()]
    fresh = Towers(partial(nn.Dropout, 0.3), partial(nn.BatchNorm1d, 8))
    model.load_state_dict(fresh.state_dict())
    model.zero_grad()
    torch.manual_seed(3)
    found = cached_step(eager, batch, model.loss, microbatch=4)
    assert found.item() == pytest.approx(want.item(), rel=1e-12)
    close(model.grads(), grads)
    close([b.double() for b in model.buffers()], [b.double() for b in buffers])


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


def rows_of(*shape: int) -> torch.Tensor:
    return torch.ones(shape, requires_grad=True)


X = torch.ones(4, 2)
REFUSED: dict[str, tuple[Any, ...]] = {
    "microbatch is 0; wanted at least 1": (lambda x: x, X, torch.sum, 0),
    "microbatch is -2; wanted at least 1": (lambda x: x, X, torch.sum, -2),
    r"inputs\['b'\]\[1\] has 3 samples, inputs\['a'\] has 4": (
        lambda x: x["a"],
        {"a": X, "b": [X, torch.ones(3)]},
        torch.sum,
        2,
    ),
    r"inputs has shape \(0, 2\): the batch is empty": (lambda x: x, X[:0], torch.sum, 2),
    "inputs hold no tensor with a sample axis": (lambda x: X, {"a": "words"}, torch.sum, 2),
    r"output 0 of shape \(1, 2\) for 2 samples": (lambda x: x[:1], X, torch.sum, 2),
    "output 'z' of shape": (lambda x: {"z": x[:1]}, X, torch.sum, 4),
    "no tensor with a sample axis": (lambda x: x.sum(), X, torch.sum, 2),
    r"loss returned shape \(4, 2\); wanted a scalar": (lambda x: x, X, lambda z: z * 1, 2),
    r"loss returned shape \(1,\); wanted a scalar": (
        lambda x: x,
        X,
        lambda z: z.sum().reshape(1),
        2,
    ),
    "loss has no gradient": (lambda x: x, X, lambda z: z.detach().sum(), 2),
    r"returned the outputs \['a'\], then \['b'\]": (
        lambda x: {"a" if len(x) == 3 else "b": x},
        X,
        torch.sum,
        3,
    ),
    "microbatches may differ in the number of samples only": (
        lambda x: x[:, : len(x)],
        torch.ones(3, 2),
        torch.sum,
        2,
    ),
    "output 1 of encode has no sample axis and differs": (
        lambda x: (x, x.sum()),
        torch.arange(4.0),
        lambda z, a: z.sum(),
        2,
    ),
    "output 'n' of encode has no sample axis and differs": (
        lambda x: {"x": x, "n": float(x[0])},
        torch.arange(4.0),
        lambda x, n: x.sum(),
        2,
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_wrong_is_said(message: str) -> None:
    encode, batch, loss, microbatch = REFUSED[message]
    with pytest.raises(InputError, match=message):
        cached_step(encode, batch, loss, microbatch=microbatch)


@pytest.mark.parametrize(
    ("message", "encode", "loss", "microbatch"),
    [
        ("microbatch is 1.5; wanted a whole number", lambda x: x, torch.sum, 1.5),
        ("encode returned a value of type set", lambda x: {1}, torch.sum, 2),
        ("value of type object as output 1", lambda x: (x, object()), torch.sum, 2),
        ("mapping with the key 0", lambda x: {0: x}, torch.sum, 2),
        ("loss returned a float; wanted", lambda x: x, lambda z: 1.0, 2),
    ],
)
def test_wrong_types_are_named(message: str, encode: Any, loss: Any, microbatch: Any) -> None:
    with pytest.raises(InputTypeError, match=message):
        cached_step(encode, X, loss, microbatch=microbatch)


def test_randomness_that_cannot_be_replayed_is_an_error() -> None:
    model, batch = Towers(nn.Tanh), inputs(8)

    def encode(part: Batch) -> Any:
        noise = [[random.random() for _ in range(6)] for _ in part["image"]]
        return model(part | {"image": part["image"] + torch.tensor(noise, dtype=torch.float64)})

    with pytest.raises(TrainingError, match="the second pass gave other embeddings"):
        cached_step(encode, batch, model.loss, microbatch=4)
    cached_step(encode, batch, model.loss, microbatch=8)
