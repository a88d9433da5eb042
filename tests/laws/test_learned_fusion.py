"""A learned fusion is one in both trainers, and its gradient is that of the loss's weights."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from both_trainers import LR, SMALL, batch, both, broken_off, run, same
from gcl_spec.batch import Batch, embeddings
from gcl_spec.config.toml import loads
from gcl_spec.errors import CheckpointError
from gcl_spec.index.model import load_model
from gcl_spec.index.queries import Query
from gcl_spec.index.used import Used
from gcl_spec.objective import GCL, ratio_weights
from gcl_spec.run.loaded import load_run
from gcl_torch import contrastive_loss
from gcl_torch.train.trainer import TorchTrainer
from indexed import write_folder
from trained import trained_run

RATIO = "params/log_fuse_ratio"
SETS = ("model.fuse=learned",)


@pytest.mark.parametrize(
    "sets",
    [
        (),
        ("optim.ema=0.9", "train.microbatch=5", "optim.clip_norm=0.5"),
        ("objective.scales=pair", "objective.bias=pair", "objective.positives=0.5"),
    ],
)
def test_both_trainers_learn_the_same(sets: tuple[str, ...]) -> None:
    trainers = both(*SETS, *sets)
    assert same(trainers[0].state(), trainers[1].state())
    assert trainers[0].state()[RATIO].tolist() == [0.0]
    for a, b in zip(*(run(trainer, 8) for trainer in trainers), strict=True):
        assert a.keys() == b.keys()
        assert 0 < a["fuse/image+text"] < 1
        for name in a:
            assert b[name] == pytest.approx(a[name], rel=1e-5, abs=1e-6), name
    one, two = (trainer.state() for trainer in trainers)
    assert abs(one[RATIO][0]) > LR, "it has moved"
    np.testing.assert_allclose(two[RATIO], one[RATIO], rtol=1e-4)


@pytest.mark.parametrize("which", [0, 1])
def test_rows_are_made_with_the_running_mean_of_what_was_learned(which: int) -> None:
    trainer = both(*SETS, "optim.ema=0.5")[which]
    run(trainer, 5)
    state = trainer.state()
    assert state["ema/log_fuse_ratio"] != state[RATIO]
    found, weights = trainer.encode(batch(0)), state["ema/log_fuse_ratio"]
    rows = {name: found[name] for name in ("image", "text")}
    wanted = embeddings(
        rows,
        ["image+text"],
        fuse="learned",
        weights=ratio_weights(weights, ["image+text"], xp=np),
        present={name: batch(0).has(name) for name in rows},
    )
    np.testing.assert_allclose(found["image+text"], wanted["image+text"], atol=1e-6)
    equal = embeddings(rows, ["image+text"], fuse="unit")["image+text"]
    assert np.max(np.abs(found["image+text"] - equal)) > 1e-4


@pytest.mark.parametrize("which", [0, 1])
def test_a_run_goes_on_to_the_bit_and_weights_alone_keep_it(which: int) -> None:
    state = broken_off(*SETS, which=which)
    weights = {name: x for name, x in state.items() if name.startswith("params/")}
    assert both(*SETS, state=weights)[which].state()[RATIO] == state[RATIO] != 0
    plain = {name: x for name, x in weights.items() if name != RATIO}
    assert both(*SETS, state=plain)[which].state()[RATIO] == 0
    with pytest.raises(CheckpointError, match="'params/log_fuse_ratio', which this model does not"):
        both("model.fuse=unit", state=weights)


def test_it_has_no_weight_decay() -> None:
    """Two runs that differ in the decay alone: the first step moves it by the gradient alike."""
    states = []
    for decay in ("0", "0.5"):
        trainers = both(*SETS, f"optim.weight_decay={decay}")
        state = dict(trainers[0].state())
        state[RATIO] = np.asarray([2.0], np.float32)
        again = both(*SETS, f"optim.weight_decay={decay}", state=state)
        for trainer in again:
            run(trainer, 1)
        states.append([trainer.state() for trainer in again])
    for one, two in zip(*states, strict=True):
        assert one[RATIO] == two[RATIO]
        name = "params/image_head.1.weight"
        assert not np.array_equal(one[name], two[name]), "others have"


def test_composed_triplets_teach_it_alike() -> None:
    trainers = both(*SETS, "objective.preset=triplets")
    steps = [[t.step(replace(batch(i), two_sided=True), lr=LR) for i in (0, 1)] for t in trainers]
    for a, b in zip(*steps, strict=True):
        assert {n: float(x) for n, x in a.items()} == pytest.approx(
            {n: float(x) for n, x in b.items()}, rel=1e-5, abs=1e-6
        )
    one, two = (trainer.state()[RATIO] for trainer in trainers)
    np.testing.assert_allclose(one, two, rtol=1e-4)
    assert one != 0


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-1.5, 1.5))
def test_its_gradient_is_that_of_the_weights(seed: int, log_ratio: float) -> None:
    """dL/dt = (w_a dL/dw_a - w_b dL/dw_b) / 2, with the derivatives of `contrastive_loss`."""
    trainer = trainer_at(log_ratio)
    data = drawn(seed)
    trainer.step(data, lr=0.0)
    found = trainer._model.log_fuse_ratio.grad
    rows = trainer.encode(data)
    given_rows = {name: torch.from_numpy(rows[name]) for name in ("image", "text")}
    halves = (log_ratio / 2, -log_ratio / 2)
    pair = [torch.tensor(float(np.exp(x)), requires_grad=True) for x in halves]
    loss = contrastive_loss(
        given_rows,
        objective=GCL,
        log_scale=trainer._model.log_scale.detach(),
        weights={"image+text": (pair[0], pair[1])},
        present={name: torch.from_numpy(data.has(name)) for name in given_rows},
        ids=torch.from_numpy(data.ids),
    )
    loss.backward()
    a, b = (w.detach() * w.grad for w in pair)
    assert found.item() == pytest.approx(((a - b) / 2).item(), rel=1e-3, abs=1e-6)


def trainer_at(log_ratio: float) -> Any:
    config = loads("", [*SMALL, *SETS])
    state = dict(TorchTrainer(config, device="cpu").state())
    state[RATIO] = np.asarray([log_ratio], np.float32)
    return TorchTrainer(config, device="cpu", state=state)


def drawn(seed: int) -> Batch:
    rng = np.random.default_rng(seed)
    found = batch(0)
    inputs = {name: rng.normal(size=x.shape).astype(np.float32) for name, x in found.inputs.items()}
    return replace(found, inputs=inputs)


def test_a_search_by_both_parts_weighs_them(tmp_path: Path) -> None:
    """The rows that queries, `gcl embed` and indices take; LoRA trains the ratio, too."""
    state = trained_run(tmp_path / "run", *SETS, "model.lora=2").state()
    picture = write_folder(tmp_path / "data") / "red.png"
    loaded = load_run(tmp_path / "run", device="cpu", allow_unverified=True)
    image, text = loaded.encode(image=[picture]), loaded.encode(text=["red"])
    (a, b) = ratio_weights(state[RATIO], ["image+text"], xp=np)["image+text"]
    assert abs(a - b) > 1e-3
    wanted = (a * image + b * text) / np.linalg.norm(a * image + b * text)
    np.testing.assert_allclose(loaded.encode([picture], ["red"]), wanted, atol=1e-5)
    model = load_model(tmp_path / "run", Used(device="cpu", allow_unverified=True))
    rows = model.query(Query(picture, "red"))
    np.testing.assert_allclose(rows.whole, wanted, atol=1e-5)
