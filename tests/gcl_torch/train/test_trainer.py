"""The PyTorch trainer: it trains, exactly reproducibly, by the verified loss."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from array_api_compat import torch as torch_namespace

from gcl_spec.batch import Batch, embeddings
from gcl_spec.config.options import Config, ModelConfig
from gcl_spec.config.toml import loads
from gcl_spec.errors import CheckpointError
from gcl_spec.loss.stacked import stacked_loss
from gcl_spec.objective import GCL
from gcl_torch.train.trainer import TorchTrainer

SMALL = ["model.width=16", "model.hidden=32", "train.batch_size=12", "train.steps=8"]

NAMES = ("image", "text", "image+text")


def stacked(z: Mapping[str, np.ndarray]) -> np.ndarray:
    """Embeddings by modality as one array, (M, B, D)."""
    return np.stack(list(z.values()))


def config(*sets: str) -> Config:
    return loads("", [*SMALL, *sets])


def batch(seed: int = 0, size: int = 12) -> Batch:
    rng = np.random.default_rng(seed)
    has_text = np.arange(size) != 3
    inputs = {
        "image/features": rng.normal(size=(size, 1280)).astype(np.float32),
        "text/features": rng.normal(size=(size, 384)).astype(np.float32) * has_text[:, None],
    }
    ids = np.minimum(np.arange(size), size - 2)
    return Batch(inputs, {"image": np.ones(size, bool), "text": has_text}, ids)


def trained(steps: int, *sets: str, start: Any = None, first: int = 0) -> TorchTrainer:
    trainer = TorchTrainer(config(*sets), device="cpu", state=start)
    for step in range(first, first + steps):
        trainer.step(batch(step), lr=1e-2)
    return trainer


def same(one: Any, two: Any) -> bool:
    return one.keys() == two.keys() and all(
        one[name].dtype == two[name].dtype and np.array_equal(one[name], two[name]) for name in one
    )


def test_it_learns() -> None:
    trainer = TorchTrainer(config(), device="cpu")
    losses = [float(trainer.step(batch(), lr=1e-2)["loss"]) for _ in range(30)]
    assert losses[-1] < 0.8 * losses[0]


def test_the_same_seed_gives_the_same_bits_and_leaves_torchs_generator_alone() -> None:
    torch.manual_seed(5)
    want = torch.rand(2)
    torch.manual_seed(5)
    one = trained(3).state()
    assert torch.equal(torch.rand(2), want)
    torch.manual_seed(99)
    assert same(one, trained(3).state())
    assert not same(one, trained(3, "train.seed=1").state())


def test_a_state_continues_to_the_bit() -> None:
    whole = trained(6)
    half = trained(3).state()
    assert int(half["step"]) == 3
    assert same(trained(3, start=half, first=3).state(), whole.state())


def test_the_step_is_the_gradient_of_the_neutral_loss() -> None:
    """Autograd straight through towers, fusion and loss gives the gradient that was applied."""
    trainer = TorchTrainer(config(), device="cpu")
    model, data = trainer._model, batch()
    inputs = {name: torch.from_numpy(x) for name, x in data.inputs.items()}
    flags = {name: torch.from_numpy(data.has(name)) for name in NAMES}
    z = embeddings(model(inputs), NAMES, present=flags, xp=torch_namespace)
    present = torch.stack(list(flags.values()))
    loss = stacked_loss(
        torch.stack(list(z.values())),
        model.log_scale,
        objective=GCL,
        present_MB=present,
        ids_B=torch.from_numpy(data.ids),
    )
    names, parameters = zip(*model.named_parameters(), strict=True)
    want = torch.autograd.grad(loss, parameters)
    before = model.log_scale.item()
    values = trainer.step(data, lr=1e-3)
    assert float(values["loss"]) == pytest.approx(loss.item(), rel=1e-6)
    assert float(values["scale"]) == pytest.approx(np.exp(before), rel=1e-6)
    for name, parameter, grad in zip(names, parameters, want, strict=True):
        assert torch.allclose(parameter.grad, grad, rtol=1e-4, atol=1e-7), name


def test_clips_objective_sees_two_modalities() -> None:
    trainer = TorchTrainer(config("objective.preset=clip"), device="cpu")
    assert np.isfinite(float(trainer.step(batch(), lr=1e-3)["loss"]))
    found = trainer.encode(batch())
    assert {name: z.shape for name, z in found.items()} == dict.fromkeys(NAMES, (12, 16))


def test_scale_is_clamped_or_fixed() -> None:
    trainer = TorchTrainer(config("optim.scale=10", "optim.max_scale=20"), device="cpu")
    trainer._model.log_scale.data.fill_(3.5)
    trainer.step(batch(), lr=1e-3)
    scale = float(np.exp(trainer.state()["params/log_scale"]))
    assert scale == pytest.approx(20.0, rel=1e-5)
    fixed = trained(5, "optim.learn_scale=false", "optim.scale=100")
    assert float(np.exp(fixed.state()["params/log_scale"])) == pytest.approx(100, rel=1e-6)
    assert "optim/exp_avg/log_scale" not in fixed.state()


def test_encode_gives_unit_rows_and_zeros() -> None:
    data = batch()
    z = TorchTrainer(config(), device="cpu").encode(data)
    for name in NAMES:
        here = data.has(name)
        assert z[name].dtype == np.float32
        assert np.all(z[name][~here] == 0)
        assert np.allclose(np.linalg.norm(z[name][here], axis=-1), 1, atol=1e-6)
    only_image = Batch(
        {"image/features": data.inputs["image/features"]},
        {"image": np.ones(12, bool), "text": np.zeros(12, bool)},
        data.ids,
    )
    alone = TorchTrainer(config(), device="cpu").encode(only_image)
    assert np.allclose(alone["image"], z["image"], atol=1e-6)
    assert not alone["text"].any()
    assert not alone["image+text"].any()


def test_weights_alone_start_the_optimiser_and_the_temperature_anew() -> None:
    state = trained(3).state()
    weights = {name: x for name, x in state.items() if name.startswith("params/")}
    trainer = TorchTrainer(config("optim.scale=50"), device="cpu", state=weights)
    fresh = trainer.state()
    assert int(fresh["step"]) == 0
    assert np.array_equal(fresh["params/image_head.1.weight"], state["params/image_head.1.weight"])
    assert float(np.exp(fresh["params/log_scale"])) == pytest.approx(50, rel=1e-6)
    assert not fresh["optim/exp_avg/image_head.1.weight"].any()


def test_a_picture_without_features_still_has_an_embedding() -> None:
    data = batch()
    blank = {**data.inputs, "image/features": np.zeros_like(data.inputs["image/features"])}
    z = TorchTrainer(config(), device="cpu").encode(replace(data, inputs=blank))
    for name in NAMES:
        assert np.allclose(np.linalg.norm(z[name][data.has(name)], axis=-1), 1, atol=1e-6)


def test_other_models_are_refused() -> None:
    state = trained(1).state()
    with pytest.raises(CheckpointError, match=r"has shape \(32, 1280\), the model's \(48, 1280\)"):
        TorchTrainer(config("model.hidden=48"), device="cpu", state=state)
    lacking = {k: v for k, v in state.items() if k != "params/text_head.3.bias"}
    with pytest.raises(CheckpointError, match=r"no 'params/text_head\.3\.bias'"):
        TorchTrainer(config(), device="cpu", state=lacking)


@pytest.mark.parametrize("name", ["optim/exp_avg/other", "optim/nu/image_head.1.weight", "extra"])
def test_entries_that_this_model_has_not_are_named(name: str) -> None:
    state = {**trained(1).state(), name: np.zeros((32, 1280), np.float32)}
    with pytest.raises(CheckpointError, match=rf"(holds|unknown entry) {name!r}"):
        TorchTrainer(config(), device="cpu", state=state)


@pytest.mark.parametrize(
    "name", ["params/image_head.1.weight", "optim/exp_avg_sq/image_head.1.weight"]
)
def test_a_state_of_other_numbers_is_refused(name: str) -> None:
    state = dict(trained(1).state())
    for dtype in ("float64", "float16", "int32"):
        other = {**state, name: state[name].astype(dtype)}
        with pytest.raises(CheckpointError, match=f"{name!r} is {dtype}"):
            TorchTrainer(config(), device="cpu", state=other)
    for value in (np.nan, np.inf):
        broken = state[name].copy()
        broken[3, 5] = value
        with pytest.raises(CheckpointError, match=f"{name!r} holds NaN or Inf"):
            TorchTrainer(config(), device="cpu", state={**state, name: broken})


def test_negative_second_moments_are_refused() -> None:
    state = dict(trained(1).state())
    name = "optim/exp_avg_sq/image_head.1.weight"
    with pytest.raises(CheckpointError, match=f"{name!r} holds negative numbers"):
        TorchTrainer(config(), device="cpu", state={**state, name: -1 - state[name]})


@pytest.mark.parametrize("step", [np.asarray(1.0), np.asarray(-1), np.asarray([1, 1])])
def test_a_step_that_is_no_count_is_refused(step: np.ndarray) -> None:
    with pytest.raises(CheckpointError, match="'step' is"):
        TorchTrainer(config(), device="cpu", state={**trained(1).state(), "step": step})


def test_whole_fine_tuning_trains_the_towers() -> None:
    small = config("model.freeze=none", "model.image_size=32", "optim.tower_lr=1e-4")
    rng = np.random.default_rng(0)
    data = Batch(
        {
            "image/pixels": rng.integers(0, 255, (4, 32, 32, 3), np.uint8),
            "text/input_ids": rng.integers(1000, 2000, (4, 5)),
            "text/attention_mask": np.ones((4, 5), np.int64),
        },
        {"image": np.ones(4, bool), "text": np.ones(4, bool)},
        np.arange(4),
    )
    trainer = TorchTrainer(small, device="cpu")
    names = (
        "params/image_tower._conv_stem.weight",
        "params/text_tower.bert.encoder.layer.0.output.dense.bias",
    )
    before = {name: np.array(trainer.state()[name]) for name in names}
    losses = [float(trainer.step(data, lr=1e-3)["loss"]) for _ in range(4)]
    after, encoded = trainer.state(), stacked(trainer.encode(data))
    del trainer  # two of them, and their states, are a gigabyte
    assert losses[-1] < losses[0]
    for name in names:
        assert not np.array_equal(before[name], after[name]), name
    again = TorchTrainer(small, device="cpu", state=after)
    assert np.array_equal(stacked(again.encode(data)), encoded)
    del again
    heads = {n: x for n, x in after.items() if n.startswith("params/") and "tower" not in n}
    assert int(TorchTrainer(small, device="cpu", state=heads).state()["step"]) == 0
    with pytest.raises(CheckpointError, match="which this model does not train"):
        TorchTrainer(config(), device="cpu", state=after)


def test_pixels_and_cached_features_agree() -> None:
    model = replace(ModelConfig(), width=16, hidden=32, image_size=64)
    trainer = TorchTrainer(replace(config(), model=model), device="cpu")
    rng = np.random.default_rng(0)
    inputs = {
        "image/pixels": rng.integers(0, 255, (3, 64, 64, 3), np.uint8),
        "text/input_ids": rng.integers(1000, 2000, (3, 5)),
        "text/attention_mask": np.ones((3, 5), np.int64),
    }
    present = {"image": np.ones(3, bool), "text": np.ones(3, bool)}
    raw = Batch(inputs, present, np.arange(3))
    found = trainer.features(raw)
    cached = Batch({f"{name}/features": x for name, x in found.items()}, present, np.arange(3))
    assert np.allclose(stacked(trainer.encode(raw)), stacked(trainer.encode(cached)), atol=1e-5)
    assert not any("tower" in name for name in trainer.state()), "frozen towers are not saved"
