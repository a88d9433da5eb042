"""Options of the torch trainer: each changes what it says, and nothing else."""

from typing import Any

import numpy as np
import pytest
import torch

from gcl_spec import geometry
from gcl_spec.batch import Batch
from gcl_spec.config.toml import loads
from gcl_spec.run.state import trained_size
from gcl_torch.train.trainer import TorchTrainer

SMALL = ["model.width=16", "model.hidden=32", "train.batch_size=12"]
WHOLE = ["model.freeze=none", "model.image_size=32"]


def trainer_of(*sets: str, state: Any = None) -> TorchTrainer:
    return TorchTrainer(loads("", [*SMALL, *sets]), device="cpu", state=state)


def features(seed: int = 0, size: int = 12) -> Batch:
    rng = np.random.default_rng(seed)
    inputs = {
        "image/features": rng.normal(size=(size, 1280)).astype(np.float32),
        "text/features": rng.normal(size=(size, 384)).astype(np.float32),
    }
    return Batch(
        inputs, {"image": np.ones(size, bool), "text": np.arange(size) != 3}, np.arange(size)
    )


def raw(size: int = 4) -> Batch:
    rng = np.random.default_rng(0)
    inputs = {
        "image/pixels": rng.integers(0, 255, (size, 32, 32, 3), np.uint8),
        "text/input_ids": rng.integers(1000, 2000, (size, 5)),
        "text/attention_mask": np.ones((size, 5), np.int64),
    }
    return Batch(
        inputs, {"image": np.ones(size, bool), "text": np.ones(size, bool)}, np.arange(size)
    )


def grads(trainer: TorchTrainer, batch: Batch) -> tuple[float, dict[str, np.ndarray]]:
    loss = float(trainer.step(batch, lr=0.0)["loss"])
    return loss, {name: p.grad.numpy() for name, p in trainer._trained.items()}


def distance(one: dict[str, np.ndarray], two: dict[str, np.ndarray]) -> float:
    """Of two gradients, relative to the first's norm."""
    norm = np.sqrt(sum(float((x**2).sum()) for x in one.values()))
    return float(np.sqrt(sum(float(((one[n] - two[n]) ** 2).sum()) for n in one)) / norm)


@pytest.mark.parametrize("microbatch", [1, 5, 12, 40])
def test_a_microbatch_changes_only_memory(microbatch: int) -> None:
    loss, want = grads(trainer_of(), features())
    found, got = grads(trainer_of(f"train.microbatch={microbatch}"), features())
    assert found == pytest.approx(loss, rel=1e-6)
    assert distance(want, got) < 1e-5


def test_checkpointing_changes_only_memory() -> None:
    loss, want = grads(trainer_of(*WHOLE), raw())
    found, got = grads(trainer_of(*WHOLE, "train.checkpointing=true"), raw())
    assert found == pytest.approx(loss, rel=1e-6)
    assert distance(want, got) < 1e-5


def test_checkpointing_keeps_less() -> None:
    def kept(*sets: str) -> int:
        sizes: dict[int, int] = {}

        def pack(x: torch.Tensor) -> torch.Tensor:
            sizes[x.data_ptr()] = x.untyped_storage().nbytes()
            return x

        model = trainer_of(*WHOLE, *sets)._model.train()
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
            model({name: torch.from_numpy(x) for name, x in raw().inputs.items()})
        return sum(sizes.values())

    assert kept("train.checkpointing=true") < 0.7 * kept()


def test_bfloat16_towers_give_nearly_the_same_gradient() -> None:
    loss, want = grads(trainer_of(*WHOLE), raw())
    trainer = trainer_of(*WHOLE, "train.precision=bfloat16")  # one at a time: they are large
    found, got = grads(trainer, raw())
    assert found == pytest.approx(loss, rel=0.05)
    assert found != loss
    # Pictures of noise look alike to the image tower, whose rounding is then all that differs.
    texts = {name: x for name, x in want.items() if name.startswith("text_tower")}
    assert 1e-4 < distance(texts, got) < 0.1
    del want, got, texts  # a state is large, too
    assert {x.dtype.name for x in trainer.state().values()} == {"float32", "int64"}
    assert {z.dtype.name for z in trainer.encode(raw()).values()} == {"float32"}


def test_a_compiled_model_trains_alike_and_has_the_same_state() -> None:
    plain, compiled = trainer_of(), trainer_of("train.compile=true")
    loss, want = grads(plain, features())
    found, got = grads(compiled, features())
    assert found == pytest.approx(loss, rel=1e-5)
    assert distance(want, got) < 1e-4
    assert plain.state().keys() == compiled.state().keys()


def test_long_gradients_are_cut_and_short_ones_are_not() -> None:
    def step(*sets: str) -> tuple[float, dict[str, np.ndarray]]:
        trainer = trainer_of(*sets)
        norm = float(trainer.step(features(), lr=1e-3)["grad_norm"])
        return norm, {n: x for n, x in trainer.state().items() if n.startswith("optim/exp_avg/")}

    norm, want = step()
    reported, cut = step(f"optim.clip_norm={norm / 3}")
    assert reported == pytest.approx(norm), "the norm before it is cut"
    _, kept = step(f"optim.clip_norm={norm * 3}")
    for name, x in want.items():
        assert np.allclose(cut[name], x / 3, rtol=1e-4, atol=1e-9), name
        assert np.array_equal(kept[name], x), name


def test_steps_without_a_finite_loss_change_nothing() -> None:
    trainer = trainer_of("optim.skip_nonfinite=2")
    trainer.step(features(), lr=1e-3)
    before = trainer.state()
    trainer._model.image_head[3].weight.register_hook(lambda g: g * np.nan)
    values = trainer.step(features(), lr=1e-3)
    assert float(values["skipped"]) == 1
    after = trainer.state()
    assert int(after.pop("step")) == int(before.pop("step")) + 1
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert int(after["optim/updates"]) == 1
    again = trainer_of("optim.skip_nonfinite=2", state=trainer.state())
    for one in (again, trainer):
        one._trained["image_head.3.weight"]._backward_hooks = None
        one.step(features(3), lr=1e-3)
    assert all(np.array_equal(again.state()[n], x) for n, x in trainer.state().items())


def test_running_means_of_weights_are_what_is_evaluated() -> None:
    plain, mean = trainer_of(), trainer_of("optim.ema=0.75")
    want = plain.state()["params/image_head.1.weight"].astype(np.float64)
    for step in range(3):
        for trainer in (plain, mean):
            trainer.step(features(step), lr=1e-2)
        want = 0.75 * want + 0.25 * plain.state()["params/image_head.1.weight"]
    state = mean.state()
    assert np.allclose(state["ema/image_head.1.weight"], want, atol=1e-6)
    assert np.array_equal(
        state["params/image_head.1.weight"], plain.state()["params/image_head.1.weight"]
    )
    averaged = {f"params/{n[4:]}": x for n, x in state.items() if n.startswith("ema/")}
    want, other = (t.encode(features()) for t in (trainer_of(state=averaged), plain))
    for name, z in mean.encode(features()).items():
        assert np.array_equal(z, want[name])
        assert not np.allclose(z, other[name], atol=1e-4)
    again = trainer_of("optim.ema=0.75", state=state)
    assert again.state().keys() == state.keys()
    assert all(np.array_equal(again.state()[n], x) for n, x in state.items())


def test_every_directions_loss_is_reported() -> None:
    values = trainer_of().step(features(), lr=0.0)
    found = {name: float(x) for name, x in values.items() if name.startswith("loss/")}
    assert len(found) == 6
    assert {"loss/image->text", "loss/text->image+text"} <= found.keys()
    pairs = 11  # one sample has no text, and with equal weights the loss is the mean over terms
    assert float(values["loss"]) == pytest.approx(sum(found.values()) * pairs / (6 * pairs))


def test_the_gap_of_a_batch_is_reported() -> None:
    trainer, batch = trainer_of(), features()
    values = trainer.step(batch, lr=0.0)
    z = trainer.encode(batch)
    pair = z["image"][batch.has("image")], z["text"][batch.has("text")]
    assert len(pair[1]) < len(batch)
    want = geometry.centroid_distance(*pair), geometry.mean_cosine(*pair)
    assert (float(values["gap/distance"]), float(values["gap/cosine"])) == pytest.approx(want, 1e-5)


@pytest.mark.parametrize("frozen", ["image", "text"])
def test_one_tower_can_be_frozen(frozen: str) -> None:
    trainer = trainer_of(f"model.freeze={frozen}", "model.image_size=32", "optim.tower_lr=1e-3")
    before = {n: x for n, x in trainer.state().items() if n.startswith("params/")}
    trainer.step(raw(), lr=1e-2)
    after = trainer.state()
    moved = {n for n in before if not np.array_equal(before[n], after[n])}
    other = {"image": "text", "text": "image"}[frozen]
    assert any(n.startswith(f"params/{other}_tower") for n in moved)
    assert not any(n.startswith(f"params/{frozen}_tower") for n in after)
    assert trained_size(after) == sum(p.numel() for p in trainer._model.parameters())
