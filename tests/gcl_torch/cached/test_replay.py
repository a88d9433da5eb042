"""Gradient caching in PyTorch: state of modules and processes that two passes must not disturb."""

import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from gcl_spec.errors import TrainingError
from gcl_spec.loss.equation import gcl_loss
from gcl_torch.cached.step import cached_step

Batch = dict[str, torch.Tensor]


class Towers(nn.Module):
    """Two small towers and a learned scale; `middle` comes after the first layers."""

    def __init__(self, *middle: Callable[[], nn.Module], dtype: Any = torch.float64) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.image = nn.Sequential(nn.Linear(6, 8), *(m() for m in middle), nn.Linear(8, 5))
        self.text = nn.Sequential(nn.Linear(6, 8), *(m() for m in middle), nn.Linear(8, 5))
        self.log_scale = nn.Parameter(torch.tensor(1.5))
        self.to(dtype)

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        found = {name: getattr(self, name)(x) for name, x in batch.items()}
        return {name: z / z.norm(dim=-1, keepdim=True) for name, z in found.items()}

    def loss(self, **z: torch.Tensor) -> torch.Tensor:
        return gcl_loss(**z, log_scale=self.log_scale)

    def grads(self) -> list[torch.Tensor]:
        assert all(p.grad is not None for p in self.parameters())
        return [p.grad.clone() for p in self.parameters() if p.grad is not None]


def inputs(size: int, dtype: Any = torch.float64) -> Batch:
    generator = torch.Generator().manual_seed(0)
    draw = partial(torch.randn, size, 6, generator=generator, dtype=dtype)
    return {"image": draw(), "text": draw()}


def by_parts(model: Any, batch: Batch, width: int) -> dict[str, torch.Tensor]:
    starts = range(0, len(batch["image"]), width)
    parts = [model({name: x[a : a + width] for name, x in batch.items()}) for a in starts]
    return {name: torch.cat([part[name] for part in parts]) for name in batch}


def close(found: Any, want: Any, tolerance: float = 1e-12) -> None:
    for one, two in zip(found, want, strict=True):
        error = (one - two).double().norm().item()
        assert error <= tolerance * max(two.double().norm().item(), 1e-3), (error, two.norm())


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
    want = plain.loss(**by_parts(plain, batch, 4))
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


@pytest.mark.parametrize("microbatch", [3, 8])
def test_autocast_holds_for_both_passes_and_not_for_gradients(microbatch: int) -> None:
    model, batch = Towers(nn.Tanh, dtype=torch.float32), inputs(8, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        want = model.loss(**by_parts(model, batch, microbatch))
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


@pytest.mark.parametrize("microbatch", [3, 8])
def test_gradients_are_computed_outside_of_autocast(microbatch: int) -> None:
    model, batch = Towers(nn.Tanh, dtype=torch.float32), inputs(8, dtype=torch.float32)
    seen: dict[str, list[bool]] = {"encode": [], "loss": []}

    def watched(z: torch.Tensor, where: str) -> torch.Tensor:
        if z.requires_grad:
            z.register_hook(lambda _: seen[where].append(torch.is_autocast_enabled("cpu")))
        return z

    def encode(part: Batch) -> Batch:
        return {name: watched(z, "encode") for name, z in model(part).items()}

    def loss(**z: torch.Tensor) -> torch.Tensor:
        return watched(model.loss(**z), "loss")

    with torch.autocast("cpu", dtype=torch.bfloat16):
        cached_step(encode, batch, loss, microbatch=microbatch)
    assert seen == {"encode": [False] * 2 * -(-8 // microbatch), "loss": [False]}


def test_random_numbers_of_the_loss_are_drawn_once() -> None:
    model, batch = Towers(partial(nn.Dropout, 0.2)), inputs(8)

    def loss(**z: torch.Tensor) -> torch.Tensor:
        return model.loss(**z) * torch.rand((), dtype=torch.float64)

    torch.manual_seed(2)
    want = loss(**by_parts(model, batch, 4))
    after = torch.get_rng_state()
    torch.manual_seed(2)
    found = cached_step(model, batch, loss, microbatch=4)
    assert found.item() == pytest.approx(want.item(), rel=1e-12)
    assert torch.equal(torch.get_rng_state(), after)


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


def test_randomness_that_cannot_be_replayed_is_an_error() -> None:
    model, batch = Towers(nn.Tanh), inputs(8)

    def encode(part: Batch) -> Any:
        noise = [[random.random() for _ in range(6)] for _ in part["image"]]
        return model(part | {"image": part["image"] + torch.tensor(noise, dtype=torch.float64)})

    with pytest.raises(TrainingError, match="the second pass gave other embeddings"):
        cached_step(encode, batch, model.loss, microbatch=4)
    cached_step(encode, batch, model.loss, microbatch=8)


@pytest.fixture
def group(tmp_path: Path) -> Iterator[None]:
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize("wrap", [lambda m: m, partial(torch.compile, backend="eager")])
def test_ddp_exchanges_gradients_once(group: None, wrap: Callable[[Any], Any]) -> None:
    """The loss's scale is a parameter of the wrapped module, but not used in its forward."""
    model, plain, batch = Towers(nn.Tanh), Towers(nn.Tanh), inputs(10)
    ddp = DistributedDataParallel(model)
    exchanged: list[int] = []

    def exchange(
        _: Any, bucket: torch.distributed.GradBucket
    ) -> torch.futures.Future[torch.Tensor]:
        exchanged.append(bucket.buffer().numel())
        done: Any = torch.futures.Future()
        done.set_result(2 * bucket.buffer())
        return done

    ddp.register_comm_hook(None, exchange)
    plain.loss(**plain(batch)).backward()
    for microbatch in (4, 10, 3):
        model.zero_grad()
        cached_step(wrap(ddp), batch, model.loss, microbatch=microbatch)
        assert sum(exchanged) == sum(p.numel() for p in model.parameters())
        exchanged.clear()
        close(model.grads(), [2 * g for g in plain.grads()])
    model.zero_grad()
    with ddp.no_sync():
        cached_step(ddp, batch, model.loss, microbatch=4)
    assert not exchanged
    close(model.grads(), plain.grads())


def test_ddp_exchanges_buffers_before_they_are_copied(
    group: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, batch = Towers(partial(nn.BatchNorm1d, 8)), inputs(8)
    ddp = DistributedDataParallel(model)
    exchanges: list[int] = []

    def broadcast() -> None:
        exchanges.append(1)
        model.image[1].running_mean.fill_(5.0)

    monkeypatch.setattr(ddp, "_sync_buffers", broadcast)
    plain = Towers(partial(nn.BatchNorm1d, 8))
    for _ in range(2):
        plain.image[1].running_mean.fill_(5.0)
        by_parts(plain, batch, 4)
        cached_step(ddp, batch, model.loss, microbatch=4)
    assert len(exchanges) == 2
    for one, two in zip(model.buffers(), plain.buffers(), strict=True):
        assert torch.equal(one, two)
