"""A fusion of centred parts is one in both trainers, and is what the calibration `cfu` makes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vista_cases
from both_trainers import LR, batch, both, broken_off, run, same
from gcl_jax.train.trainer import JaxTrainer
from gcl_spec.batch import embeddings
from gcl_spec.config.toml import load
from gcl_spec.errors import CheckpointError
from gcl_spec.evaluate.calibrations.centre import CentredParts
from gcl_spec.evaluate.calibrations.rows import Rows, key
from gcl_spec.index.model import load_model
from gcl_spec.index.queries import Query
from gcl_spec.index.used import Used
from gcl_spec.loss import contrastive_loss
from gcl_spec.loss.projected import of_projections
from gcl_spec.objective import GCL
from gcl_spec.run.loaded import load_run
from gcl_torch.train.trainer import TorchTrainer
from indexed import write_folder
from trained import trained_run
from trainer_cases import pairs

MEANS, COUNTS = "buffers/fuse_means", "buffers/fuse_counts"
SETS = ("model.fuse=centred",)
NAMES = ("image", "text")


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.floats(0, 0.99))
def test_rows_are_those_of_the_calibration(seed: int, count: int, length: float) -> None:
    rng = np.random.default_rng(seed)
    raw = {name: rng.normal(size=(count, 5)) * 10 ** rng.uniform(-3, 3) for name in NAMES}
    means = {name: length * unit(rng.normal(size=5)) for name in NAMES}
    found = embeddings(raw, GCL.modalities, fuse="centred", means=means)
    same_in_both = {key(role, n): m for role in ("query", "candidate") for n, m in means.items()}
    calibration = CentredParts(same_in_both)
    units = {name: unit(x) for name, x in raw.items()}
    for name in NAMES:
        want = calibration.apply(Rows.single(name, units[name]), "query")
        np.testing.assert_allclose(found[name], want, atol=1e-9)
    whole = unit(units["image"] + units["text"])
    want = calibration.apply(Rows("image+text", whole, units), "candidate")
    np.testing.assert_allclose(found["image+text"], want, atol=1e-9)
    here = {name: np.ones(count, bool) for name in NAMES}
    made = of_projections(
        raw, here, np.arange(count), GCL, fuse="centred", means=means, pairs=False, xp=np
    )
    losses = [
        float(contrastive_loss(rows, log_scale=1.0, objective=GCL)) for rows in (made.rows, found)
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-9)


def unit(x: Any) -> Any:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


@pytest.mark.parametrize(
    "sets",
    [
        (),
        ("optim.ema=0.9", "train.microbatch=5", "optim.clip_norm=0.5"),
        ("objective.preset=clip",),
        ("objective.bias=share",),
    ],
)
def test_both_trainers_move_the_same_means(sets: tuple[str, ...]) -> None:
    trainers = both(*SETS, *sets)
    assert same(trainers[0].state(), trainers[1].state())
    assert not trainers[0].state()[MEANS].any()
    for a, b in zip(*(run(trainer, 6) for trainer in trainers), strict=True):
        assert a.keys() == b.keys()
        for name in a:
            assert b[name] == pytest.approx(a[name], rel=1e-5, abs=1e-6), name
    one, two = (trainer.state() for trainer in trainers)
    assert one[COUNTS].tolist() == two[COUNTS].tolist() == [6, 6]
    np.testing.assert_allclose(two[MEANS], one[MEANS], atol=1e-5)
    assert np.min(np.linalg.norm(one[MEANS], axis=1)) > 0.05
    rows = [trainer.encode(batch(0)) for trainer in trainers]
    for name, x in rows[0].items():
        np.testing.assert_allclose(rows[1][name], x, atol=1e-5)


@pytest.mark.parametrize("which", [0, 1])
def test_the_first_step_is_that_of_unit_rows_and_its_mean_is_the_batch_s(which: int) -> None:
    trainer, plain = both(*SETS)[which], both("model.fuse=unit")[which]
    rows = plain.encode(batch(0))
    (found,), (wanted,) = run(trainer, 1), run(plain, 1)
    assert found == pytest.approx(wanted, rel=1e-5, abs=1e-6)
    state = trainer.state()
    for i, name in enumerate(NAMES):
        want = np.mean(rows[name][batch(0).has(name)], axis=0)
        np.testing.assert_allclose(state[MEANS][i], want, atol=1e-6)
    second = run(trainer, 1, 1)[0]["loss"], run(plain, 1, 1)[0]["loss"]
    assert abs(second[0] - second[1]) > 1e-3, "from then on they differ"


@pytest.mark.parametrize("which", [0, 1])
def test_a_step_that_is_skipped_moves_nothing(which: int) -> None:
    trainer = both(*SETS, "optim.skip_nonfinite=3")[which]
    run(trainer, 2)
    before = trainer.state()
    bad = batch(2)
    bad.inputs["image/features"][7, 0] = np.inf
    assert float(trainer.step(bad, lr=LR)["skipped"]) == 1
    after = trainer.state()
    assert all(np.array_equal(before[name], after[name]) for name in (MEANS, COUNTS))


@pytest.mark.parametrize("which", [0, 1])
def test_a_run_goes_on_to_the_bit_and_weights_alone_keep_the_means(which: int) -> None:
    state = broken_off(*SETS, "optim.ema=0.5", which=which)
    weights = {n: x for n, x in state.items() if n.startswith(("params/", "buffers/"))}
    assert np.array_equal(both(*SETS, state=weights)[which].state()[MEANS], state[MEANS])
    plain = {name: x for name, x in weights.items() if name.startswith("params/")}
    assert not both(*SETS, state=plain)[which].state()[MEANS].any()
    with pytest.raises(CheckpointError, match="'buffers/fuse_"):
        both("model.fuse=unit", state=weights)


def test_composed_triplets_are_centred_alike() -> None:
    trainers = both(*SETS, "objective.preset=triplets")
    steps = [[t.step(replace(batch(i), two_sided=True), lr=LR) for i in range(3)] for t in trainers]
    for a, b in zip(*steps, strict=True):
        assert {n: float(x) for n, x in a.items()} == pytest.approx(
            {n: float(x) for n, x in b.items()}, rel=1e-5, abs=1e-6
        )
    one, two = (trainer.state() for trainer in trainers)
    np.testing.assert_allclose(one[MEANS], two[MEANS], atol=1e-5)
    assert one[COUNTS].tolist() == [3, 3]


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_step_has_the_loss_of_the_rows_that_the_means_give(seed: int) -> None:
    """The loss at any means is that of what `encode` gives, and both have the same gradient."""
    rng = np.random.default_rng(seed)
    state = dict(both(*SETS)[0].state())
    state[MEANS] = (0.5 * unit(rng.normal(size=state[MEANS].shape))).astype(np.float32)
    state[COUNTS] = np.asarray([7, 9], np.int32)
    trainers = both(*SETS, state=state)
    rows, data = trainers[0].encode(batch(0)), batch(0)
    loss = contrastive_loss(
        rows,
        log_scale=float(state["params/log_scale"]),
        objective=GCL,
        present={name: data.has(name) for name in rows},
        ids=data.ids,
    )
    found = [run(trainer, 1)[0] for trainer in trainers]
    assert found[0]["loss"] == pytest.approx(float(loss), rel=1e-5)
    assert found[1] == pytest.approx(found[0], rel=1e-5, abs=1e-6)
    assert trainers[0].state()[COUNTS].tolist() == [8, 10]


@pytest.mark.parametrize("recipe", ["tiny", "vista"])
def test_checkpoints_tell_the_width_of_means(tmp_path: Path, recipe: str) -> None:
    if recipe == "vista":
        config = vista_cases.config(tmp_path, *SETS, vista_cases.shallow(tmp_path / "model"))
    else:
        config = load(recipe=recipe, overrides=[f"data.cache={tmp_path}", *SETS])
    one, two = TorchTrainer(config, device="cpu"), JaxTrainer(config, device="cpu:0")
    assert same(one.state(), two.state())
    data = vista_cases.batch(0) if recipe == "vista" else pairs(0)
    rows = one.encode(data)
    one.step(data, lr=0.0)
    found = one.state()
    assert found[MEANS].shape == (2, rows["image"].shape[1])
    for i, name in enumerate(NAMES):
        want = np.mean(rows[name][data.has(name)], axis=0)
        np.testing.assert_allclose(found[MEANS][i], want, atol=1e-5)


def test_a_search_by_both_parts_centres_them(tmp_path: Path) -> None:
    """The rows that queries, `gcl embed` and indices take; a tower with LoRA has means, too."""
    state = trained_run(tmp_path / "run", *SETS, "model.lora=2").state()
    assert state[MEANS].any()
    picture = write_folder(tmp_path / "data") / "red.png"
    loaded = load_run(tmp_path / "run", device="cpu", allow_unverified=True)
    image, text = loaded.encode(image=[picture]), loaded.encode(text=["red"])
    np.testing.assert_allclose(loaded.encode([picture], ["red"]), unit(image + text), atol=1e-5)
    model = load_model(tmp_path / "run", Used(device="cpu", allow_unverified=True))
    rows = model.query(Query(picture, "red"))
    np.testing.assert_allclose(rows.whole, unit(image + text), atol=1e-5)
