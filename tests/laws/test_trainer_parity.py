"""The torch and the JAX trainer are one trainer: same steps, and one checkpoint for both."""

from dataclasses import replace

import numpy as np
import pytest

from both_trainers import LR, batch, both, run, same
from gcl_spec.batch import Batch

STEPS = 8


def test_a_seed_starts_both_at_the_same_numbers() -> None:
    torch_, jax_ = both("train.seed=3")
    assert same(torch_.state(), jax_.state())
    assert not same(both()[1].state(), jax_.state())


@pytest.mark.parametrize(
    "sets",
    [
        [],
        ["optim.clip_norm=0.5", "optim.ema=0.9", "train.microbatch=5"],
        ["objective.preset=clip", "optim.learn_scale=false", "model.fuse=unit"],
        ["objective.scales=pair", "objective.bias=pair", "objective.positives=0.5"],
        ["objective.bias=share", "objective.shares.image=2.0", "optim.clip_norm=0.5"],
        ["objective.preset=siglip-all", "objective.bias_start=1.0", "optim.scale=10"],
    ],
)
def test_steps_from_one_state_are_equal(sets: list[str]) -> None:
    torch_, jax_ = both(*sets)
    for a, b in zip(run(torch_, STEPS), run(jax_, STEPS), strict=True):
        assert a.keys() == b.keys()
        for name in a:
            assert b[name] == pytest.approx(a[name], rel=1e-5, abs=1e-6), name
    one, two = torch_.state(), jax_.state()
    assert one.keys() == two.keys()
    for name, x in one.items():
        assert two[name].shape == x.shape
        assert two[name].dtype == x.dtype
        # AdamW divides by the root of squares: what is nearly zero may go either way.
        assert np.mean(np.abs(two[name] - x)) < 1e-5 * max(1.0, np.max(np.abs(x))), name
    found = jax_.encode(batch(0))
    for name, want in torch_.encode(batch(0)).items():
        assert np.allclose(found[name], want, atol=1e-5)


@pytest.mark.parametrize("first", ["torch", "jax"])
def test_a_run_of_one_goes_on_in_the_other(first: str) -> None:
    torch_, jax_ = both("optim.ema=0.9")
    start, unbroken = (torch_, jax_) if first == "torch" else (jax_, torch_)
    run(start, 3)
    went_on = both("optim.ema=0.9", state=start.state())[1 if first == "torch" else 0]
    assert same(went_on.state(), start.state())
    run(unbroken, 3)
    for a, b in zip(run(unbroken, 3, 3), run(went_on, 3, 3), strict=True):
        assert b == pytest.approx(a, rel=1e-5, abs=1e-6)


def test_a_jax_state_continues_to_the_bit() -> None:
    whole, half = both()[1], both()[1]
    run(whole, 4)
    run(half, 2)
    resumed = both(state=half.state())[1]
    run(resumed, 2, 2)
    assert same(whole.state(), resumed.state())


@pytest.mark.parametrize("which", [0, 1])
def test_dropout_is_of_training_alone_and_goes_on_as_it_would(which: int) -> None:
    plain, dropped, again = (
        both(*sets)[which] for sets in ((), ("model.dropout=0.4",), ("model.dropout=0.4",))
    )
    first = [run(trainer, 1)[0]["loss"] for trainer in (plain, dropped, again)]
    assert first[1] == first[2] != first[0]
    resumed = both("model.dropout=0.4", state=again.state())[which]
    assert run(dropped, 1, 1) == run(resumed, 1, 1)
    want, found = dropped.encode(batch(0)), resumed.encode(batch(0))
    assert all(np.array_equal(want[name], found[name]) for name in want)


def test_several_temperatures_and_biases_are_parameters_of_the_loss() -> None:
    sets = (
        *("objective.scales=modality", "objective.bias=pair"),
        *("objective.bias_start=0.5", "objective.bias_unit=cosine"),
    )
    state = both(*sets)[0].state()
    assert state["params/log_scale"].shape == (2,)
    assert state["params/logit_bias"].shape == (3, 3)
    assert both()[0].state().keys() & {"params/logit_bias"} == set()
    # Weights alone begin another run, whose temperatures and biases are its own.
    weights = {name: x for name, x in state.items() if name.startswith("params/")}
    fresh = both(state=weights)[0].state()
    assert fresh["params/log_scale"].shape == ()
    seen = [trainer.step(batch(0), lr=0.0) for trainer in both(*sets)]
    assert {*seen[0]} == {*seen[1]} > {"scale", "scale/image", "scale/text", "bias/image->text"}
    assert [float(one["bias/text->image+text"]) for one in seen] == [0.5, 0.5]
    fixed = both(*sets, "optim.learn_bias=false")
    for trainer in fixed:
        run(trainer, 1)
        assert np.all(trainer.state()["params/logit_bias"] == 0.5)


@pytest.mark.parametrize(
    "sets",
    [
        ["objective.preset=triplets", "objective.pool=all", "objective.bias=pair"],
        ["objective.preset=triplets", "objective.scales=pair"],
        ["objective.preset=e5-omni"],
        ["objective.bias=share", "objective.shares.image=2.0"],
    ],
)
def test_queries_and_targets_share_the_numbers_of_their_modalities(sets: list[str]) -> None:
    trainers = both(*sets)
    steps = [[t.step(replace(batch(i), two_sided=True), lr=LR) for i in (0, 1)] for t in trainers]
    for a, b in zip(*steps, strict=True):
        assert {n: float(x) for n, x in a.items()} == pytest.approx(
            {n: float(x) for n, x in b.items()}, rel=1e-5, abs=1e-6
        )
    one, two = (trainer.state() for trainer in trainers)
    for name in one.keys() & {"params/log_scale", "params/logit_bias"}:
        np.testing.assert_allclose(one[name], two[name], rtol=1e-4, atol=1e-5)
        assert one[name].ndim == 0 or np.std(one[name]) > 0, "each learns by itself"


def test_steps_without_a_finite_loss_change_nothing() -> None:
    jax_ = both("optim.skip_nonfinite=2")[1]
    run(jax_, 1)
    before = jax_.state()
    data = batch(1)
    data.inputs["image/features"][2] = 1e30  # type: ignore[index]
    data.inputs["image/features"][2, 0] = np.inf  # type: ignore[index]
    values = jax_.step(data, lr=LR)
    assert float(values["skipped"]) == 1
    after = jax_.state()
    assert int(after.pop("step")) == int(before.pop("step")) + 1
    assert all(np.array_equal(before[n], after[n]) for n in before)
    assert int(after["optim/updates"]) == 1


def test_encode_gives_the_same_rows_whatever_the_batch() -> None:
    jax_ = both()[1]
    data = batch(0)
    whole = jax_.encode(data)
    part = Batch(
        {n: x[:5] for n, x in data.inputs.items()},
        {n: x[:5] for n, x in data.present.items()},
        data.ids[:5],
    )
    for name, found in jax_.encode(part).items():
        assert np.allclose(found, whole[name][:5], atol=1e-6)
        assert np.all(whole[name][~data.has(name)] == 0)


@pytest.mark.parametrize("microbatch", [0, 5])
def test_both_skip_a_step_of_rows_that_are_not_finite(microbatch: int) -> None:
    for trainer in both("optim.skip_nonfinite=3", f"train.microbatch={microbatch}"):
        before = dict(trainer.state())
        bad = batch(0)
        bad.inputs["image/features"][7, 0] = np.inf
        values = trainer.step(bad, lr=LR)
        assert [float(values[name]) for name in ("loss", "skipped")] == [
            pytest.approx(np.nan, nan_ok=True),
            1,
        ]
        after = dict(trainer.state())
        assert (before.pop("step"), after.pop("step")) == (0, 1)
        assert same(before, after)
        assert float(trainer.step(batch(1), lr=LR)["skipped"]) == 0
