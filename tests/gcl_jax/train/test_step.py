"""JAX's training step as a function, on a model of two matrices, against the step written out."""

from collections.abc import Callable
from functools import cache
from math import log
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from array_api_compat import torch as torch_namespace
from jax.sharding import AbstractMesh

from gcl_jax.train.optimizer import AdamW
from gcl_jax.train.step import StepOptions, cast, make_step
from gcl_jax.train.world import AXIS, JaxWorld
from gcl_spec.batch import embeddings
from gcl_spec.config.options import OptimConfig
from gcl_spec.loss.equation import gcl_loss
from gcl_spec.loss.plain import plain_blocks
from gcl_spec.objective import CLIP, GCL

SIZE, LR = 6, 1e-2
GIVEN = ("image", "text")


class Model:
    """Stands for `gcl_jax.models.functional.Functional`; notes what the towers see."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.rows: set[int] = set()

    def call(self, params: Any, buffers: Any, run: Callable[[Any], Any]) -> Any:
        def module(inputs: Any, wanted: Any, draw: Any) -> Any:
            assert draw is None
            assert set(inputs) == {"image/features", "text/features"}
            assert set(params) == {"image", "text", "log_scale"}
            self.rows |= {x.shape[0] for x in inputs.values()}
            self.seen |= {str(x.dtype) for x in (*params.values(), *inputs.values())}
            one = buffers["one"]
            return {
                n: inputs[f"{n}/features"] @ params[n] * one.astype(params[n].dtype) for n in GIVEN
            }

        return run(module)


def start(**more: Any) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    params = {n: rng.normal(size=(4, 3)).astype(np.float32) for n in ("image", "text")}
    return params | {"log_scale": np.float32(1.0)} | more


def batch(seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    found = {f"{n}/features": rng.normal(size=(SIZE, 4)) for n in ("image", "text")}
    present = np.ones((SIZE, 2), bool)
    present[2] = [True, False]
    inputs = {name: x.astype(np.float32) for name, x in found.items()}
    return inputs | {"present": present, "ids": np.asarray([0, 1, 2, 3, 4, 4])}


def options(**more: Any) -> StepOptions:
    plain = {
        "objective": GCL,
        "given": GIVEN,
        "fuse": "raw",
        "precision": "float32",
        "microbatch": 0,
    }
    return StepOptions(**({**plain, "max_log_scale": log(100.0), "ema": 0.0} | more))


@cache
def compiled(given: StepOptions, ndims: tuple[tuple[str, int], ...]) -> tuple[Any, AdamW, Model]:
    """A step of a model, which tests share: it takes seconds to compile."""
    rules = AdamW.of(OptimConfig(clip_norm=0.0), dict(ndims))
    model, world = Model(), JaxWorld((jax.devices("cpu")[0],))
    return jax.jit(make_step(model, rules, given, world)), rules, model  # type: ignore[arg-type]


def one(
    given: StepOptions, trained: dict[str, Any], still: Any = None, data: Any = None
) -> tuple[Any, Any, Model]:
    step, rules, model = compiled(given, tuple((n, np.ndim(x)) for n, x in trained.items()))
    moving = (trained, rules.start(trained), {n: np.asarray(x) for n, x in trained.items()}, {})
    kept, values = step(moving, still or {}, {"one": np.float32(1)}, data or batch(), LR)
    return kept, values, model


def loss_and_grads(params: Any, data: Any, given: StepOptions) -> tuple[float, dict[str, Any]]:
    """Those of the plain loss, by torch: JAX would compile each of a hundred operations."""
    leaves = {n: torch.tensor(x, requires_grad=True) for n, x in params.items()}
    known = {n: torch.as_tensor(x) for n, x in data.items()}
    rows = {n: known[f"{n}/features"] @ leaves[n] for n in GIVEN}
    flags = dict(zip(GIVEN, known["present"].T, strict=True))
    names = ("image", "text", "image+text")
    z = embeddings(rows, names, fuse=given.fuse, present=flags, xp=torch_namespace)
    flags["image+text"] = flags["image"] & flags["text"]
    loss = gcl_loss(
        z["image"],
        z["text"],
        z["image+text"],
        log_scale=leaves["log_scale"],
        objective=given.objective,
        present={name: flags[name] for name in given.objective.modalities},
        ids=known["ids"],
        xp=torch_namespace,
        kernel=plain_blocks,
    )
    loss.backward()
    return float(loss.detach()), {n: x.grad.numpy() for n, x in leaves.items()}


@pytest.mark.parametrize(
    "more",
    [{}, {"fuse": "unit"}, {"objective": CLIP}, {"microbatch": 4}, {"microbatch": 1}],
)
def test_loss_norm_and_update(more: dict[str, Any]) -> None:
    given, params, data = options(**more), start(), batch()
    (new, optimizer, _, _), values, _ = one(given, params)
    want, grads = loss_and_grads(params, data, given)
    norm = np.sqrt(sum(float((g * g).sum()) for g in grads.values()))
    assert float(values["loss"]) == pytest.approx(want, rel=1e-5)
    assert float(values["grad_norm"]) == pytest.approx(norm, rel=1e-4)
    assert float(values["scale"]) == pytest.approx(np.e, rel=1e-6)
    assert float(values["skipped"]) == 0
    means = [v for n, v in values.items() if n.startswith("loss/")]
    assert len(means) == len(given.objective.directions)
    assert {n for n in values if n.startswith("gap/")}
    assert int(optimizer.count) == 1
    for name, x in params.items():
        np.testing.assert_allclose(optimizer.exp_avg[name], 0.1 * grads[name], rtol=2e-3, atol=2e-6)
        assert np.any(np.asarray(new[name]) != x), name


@pytest.mark.parametrize(("microbatch", "rows"), [(0, {SIZE}), (1, {1})])
def test_towers_see_a_microbatch_at_a_time(microbatch: int, rows: set[int]) -> None:
    assert one(options(microbatch=microbatch), start())[2].rows == rows


@pytest.mark.parametrize("count", [1, 2])
def test_devices_of_a_mesh_share_the_loss(count: int) -> None:
    mesh = AbstractMesh((count,), (AXIS,))  # there is one device here, but tracing needs none
    world: Any = SimpleNamespace(devices=range(count), size=count, mesh=mesh)
    rules = AdamW.of(OptimConfig(clip_norm=0.0), {n: np.ndim(x) for n, x in start().items()})
    step = make_step(Model(), rules, options(), world)  # type: ignore[arg-type]
    moving = (start(), rules.start(start()), {}, {})
    traced = jax.make_jaxpr(step)(moving, {}, {"one": np.float32(1)}, batch(), LR)
    assert ("shard_map" in str(traced)) == (count > 1)


def test_a_finite_loss_whose_gradient_is_not_changes_nothing() -> None:
    """Rows of norm 1e-25 have a loss, but the square of its gradient overflows."""
    params = start()
    params["image"] = params["image"] * np.float32(1e-25)
    (new, _, _, _), values, _ = one(options(), params)
    assert np.isfinite(float(values["loss"]))
    assert float(values["grad_norm"]) == np.inf
    assert float(values["skipped"]) == 1
    np.testing.assert_array_equal(new["image"], params["image"])


def test_a_scale_that_is_not_trained_stays() -> None:
    params = start()
    scale = {"log_scale": params.pop("log_scale")}
    (new, _, _, _), values, _ = one(options(max_log_scale=None), params, scale)
    assert set(new) == {"image", "text"}
    assert float(values["scale"]) == pytest.approx(np.e, rel=1e-6)
    learned = one(options(), params | scale)[1]
    assert float(values["loss"]) == pytest.approx(float(learned["loss"]), rel=1e-6)
    assert float(values["grad_norm"]) < float(learned["grad_norm"])


def test_a_frozen_tower_is_used_and_kept() -> None:
    params = start()
    frozen = {"image": params.pop("image")}
    (new, _, _, _), values, _ = one(options(), params, frozen)
    assert set(new) == {"text", "log_scale"}
    assert float(values["loss"]) == pytest.approx(float(one(options(), start())[1]["loss"]))


def test_the_scale_is_clamped() -> None:
    (new, _, _, _), values, _ = one(options(max_log_scale=0.5), start())
    assert float(new["log_scale"]) == 0.5
    assert float(values["scale"]) == pytest.approx(np.e, rel=1e-6), "that of this step"


def test_running_means() -> None:
    params = start()
    new, _, means, _ = one(options(ema=0.75), params)[0]
    for name, x in params.items():
        np.testing.assert_allclose(means[name], 0.75 * x + 0.25 * new[name], rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_step_without_a_finite_loss_changes_nothing(bad: float) -> None:
    data, params = batch(), start()
    data["text/features"][1, 1] = bad
    (new, optimizer, means, _), values, _ = one(options(ema=0.5), params, None, data)
    assert float(values["skipped"]) == 1
    assert not np.isfinite(float(values["loss"]))
    for name, x in params.items():
        np.testing.assert_array_equal(new[name], x)
        np.testing.assert_array_equal(means[name], x)
        assert not np.any(optimizer.exp_avg[name])
    assert int(optimizer.count) == 0


def test_towers_compute_in_their_precision_and_the_loss_in_float32() -> None:
    (new, _, _, _), values, model = one(options(precision="bfloat16"), start())
    assert model.seen == {"bfloat16"}
    assert {str(x.dtype) for x in new.values()} == {"float32"}
    wide = one(options(), start())
    assert wide[2].seen == {"float32"}
    assert values["loss"].dtype == jnp.float32
    assert float(values["loss"]) == pytest.approx(float(wide[1]["loss"]), rel=2e-2)
    assert float(values["loss"]) != float(wide[1]["loss"])
    tree = {"a": jnp.ones(2), "b": jnp.ones(2, jnp.int32)}
    assert {n: str(x.dtype) for n, x in cast(tree, "bfloat16").items()} == {
        "a": "bfloat16",
        "b": "int32",
    }


def test_a_zero_projection_has_no_say_in_a_raw_fusion() -> None:
    """Its norm is 0, with gradient 0; the loss of rows that are absent is finite."""
    data = batch()
    data["text/features"][2] = 0
    _, values, _ = one(options(), start(), None, data)
    assert np.isfinite(float(values["grad_norm"]))
    assert float(values["skipped"]) == 0
