"""Gradient caching in JAX: the gradients of the whole batch, whatever the microbatch."""

import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gcl_jax
import prepared
from compiling import QUICKLY
from gcl_jax.cached.step import cached_value_and_grad
from gcl_spec.errors import InputError, InputTypeError
from gcl_spec.loss.equation import gcl_loss
from gcl_spec.objective import CLIP

SIZES = {"image": 6, "text": 4}


def unit(x: jax.Array) -> jax.Array:
    return x / jnp.linalg.norm(x, axis=-1, keepdims=True)


def encode(params: Any, batch: Any, rng: Any = None) -> dict[str, jax.Array]:
    hidden = {name: jnp.tanh(batch[name] @ params[name][0]) for name in SIZES}
    if rng is not None:
        keep = {n: jax.random.bernoulli(rng, 0.6, h.shape) for n, h in hidden.items()}
        hidden = {name: jnp.where(keep[name], h, 0.0) for name, h in hidden.items()}
    return {name: unit(h @ params[name][1]) for name, h in hidden.items()}


def loss(log_scale: Any, *, image: Any, text: Any, ids: Any = None) -> jax.Array:
    return gcl_loss(image, text, log_scale=log_scale, objective=CLIP, ids=ids, xp=jnp)


def make(size: int, seed: int = 0) -> tuple[Any, Any, Any]:
    draw = np.random.default_rng(seed).normal
    params = {name: [draw(size=(width, 8)), draw(size=(8, 5))] for name, width in SIZES.items()}
    return params, {n: draw(size=(size, w)) for n, w in SIZES.items()}, np.asarray(1.5)


def close(found: Any, want: Any, tolerance: float = 1e-12) -> None:
    assert jax.tree.structure(found) == jax.tree.structure(want)
    for one, two in zip(jax.tree.leaves(found), jax.tree.leaves(want), strict=True):
        assert one.dtype == two.dtype
        one, two = np.asarray(one, float), np.asarray(two, float)
        error = np.linalg.norm(one - two)
        assert error <= tolerance * max(np.linalg.norm(two), 1e-3), (error, two)


@jax.jit
def plain(params: Any, batch: Any, log_scale: Any) -> Any:
    def whole(p: Any, s: Any) -> jax.Array:
        return loss(s, **encode(p, batch))

    return jax.value_and_grad(whole, argnums=(0, 1))(params, log_scale)


# Every example compiles two programs.
@settings(max_examples=5)
@given(st.integers(1, 9), st.integers(1, 10), st.integers(0, 2**31))
def test_it_equals_the_plain_step(size: int, microbatch: int, seed: int) -> None:
    with jax.enable_x64(True):
        given_ = make(size, seed)
        step = jax.jit(cached_value_and_grad(encode, loss, microbatch=microbatch))
        close(step(*given_), plain(*given_))


def test_it_works_uncompiled() -> None:
    with jax.enable_x64(True):
        step = cached_value_and_grad(encode, loss, microbatch=3)
        close(step(*make(7)), plain(*make(7)))


@pytest.mark.parametrize("microbatch", [4, 9])
def test_dropout_has_the_same_masks_in_both_passes(microbatch: int) -> None:
    with jax.enable_x64(True):
        params, batch, log_scale = make(9)
        rng = jax.random.key(4)
        loops = max(9 // microbatch, 1)
        members = [np.arange(min(microbatch, 9)) * loops + n for n in range(loops)]
        if 9 % microbatch and microbatch < 9:
            members.append(np.arange(loops * microbatch, 9))
        back = np.argsort(np.concatenate(members))

        def whole(p: Any, s: Any) -> jax.Array:
            parts = [
                encode(p, {k: x[rows] for k, x in batch.items()}, jax.random.fold_in(rng, n))
                for n, rows in enumerate(members)
            ]
            return loss(s, **{k: jnp.concatenate([z[k] for z in parts])[back] for k in SIZES})

        want = jax.jit(jax.value_and_grad(whole, argnums=(0, 1)))(params, log_scale)
        step = jax.jit(cached_value_and_grad(encode, loss, microbatch=microbatch))
        close(step(params, batch, log_scale, rng=rng), want)


@pytest.mark.parametrize(
    ("kind", "microbatch"), [("mapping", 3), ("mapping", 7), ("tuple", 3), ("array", 3)]
)
def test_outputs_by_position_and_by_keyword(kind: str, microbatch: int) -> None:
    with jax.enable_x64(True):
        params, batch, log_scale = make(7)
        ids = jnp.asarray([0, 1, 2, 0, 3, 4, 1])

        def encoded(p: Any, part: Any) -> Any:
            z = encode(p, part["rows"])
            z = {name: x * part["factor"] for name, x in z.items()}
            if kind == "array":
                return jnp.stack([z["image"], z["text"]], axis=1)
            if kind == "tuple":
                return z["image"], z["text"], part["ids"]
            return {"ids": part["ids"], **z}

        def by_any(s: Any, *z: Any, **named: Any) -> jax.Array:
            if kind == "array":
                return loss(s, image=z[0][:, 0], text=z[0][:, 1])
            return loss(s, **(named or dict(zip(("image", "text", "ids"), z, strict=True))))

        inputs = {"rows": batch, "ids": ids, "factor": 2.0}

        def whole(p: Any, s: Any) -> jax.Array:
            found = encoded(p, inputs)
            if kind == "mapping":
                return by_any(s, **found)
            return by_any(s, *(found if kind == "tuple" else [found]))

        want = jax.jit(jax.value_and_grad(whole, argnums=(0, 1)))(params, log_scale)
        step = jax.jit(cached_value_and_grad(encoded, by_any, microbatch=microbatch))
        close(step(params, inputs, log_scale), want)


def test_half_precision_gradients_are_summed_in_single() -> None:
    def row(params: jax.Array, x: jax.Array) -> jax.Array:
        return x * params

    step = jax.jit(cached_value_and_grad(row, lambda _, z: jnp.sum(z), microbatch=1))
    _, (grad, _) = step(jnp.ones((), jnp.bfloat16), jnp.ones(1000, jnp.bfloat16), {})
    assert grad.dtype == jnp.bfloat16
    assert float(grad) == 1000.0, "ones added in bfloat16 stop at 256"


def test_memory_does_not_grow_with_the_number_of_microbatches() -> None:
    def deep(params: jax.Array, x: jax.Array) -> jax.Array:
        for _ in range(20):
            x = jnp.tanh(x @ params)
        return x

    def temporary(size: int, microbatch: int) -> int:
        step = cached_value_and_grad(deep, lambda _, z: jnp.sum(z**2), microbatch=microbatch)
        shapes = (
            jax.ShapeDtypeStruct((64, 64), "float32"),
            jax.ShapeDtypeStruct((size, 64), "float32"),
        )
        analysis = jax.jit(step).lower(*shapes, {}).compile().memory_analysis()
        return int(analysis.temp_size_in_bytes)

    embeddings = 4 * 64 * (1024 - 64)
    assert temporary(1024, 1024) > temporary(64, 64) + 10 * embeddings, "plain: all activations"
    # Embeddings, their gradient, and copies of these two in the loops' order.
    assert temporary(1024, 64) < temporary(64, 64) + 5 * embeddings


SHARDED = """
import jax, jax.numpy as jnp, numpy as np, re
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from gcl_jax.cached import cached_value_and_grad
from gcl_spec.loss import gcl_loss
mesh = jax.make_mesh((4,), ("data",), axis_types=(AxisType.Auto,))
def encode(params, x):
    z = jnp.tanh(x @ params)
    return z, z[:, ::-1]
def loss(s, a, b):
    return gcl_loss(a, b, log_scale=s, xp=jnp)
def compare(size):
    rng = np.random.default_rng(0)
    params, x, s = rng.normal(size=(6, 5)), rng.normal(size=(size, 6)), jnp.asarray(1.0)
    one = jax.jit(cached_value_and_grad(encode, loss, microbatch=size))(params, x, s)
    held = jax.device_put(x, NamedSharding(mesh, PartitionSpec("data")))
    step = jax.jit(cached_value_and_grad(encode, loss, microbatch=8)).lower(params, held, s)
    step = step.compile()
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(step(params, held, s))):
        np.testing.assert_allclose(a, b, rtol=1e-11)
    found = re.findall(r"f64\\[([28]),5\\]\\S* dot", step.as_text())
    print(size, "samples: products of so many rows a device:", *sorted(set(found)))
with jax.enable_x64(True):
    compare(40)
    compare(36)
"""


def test_a_sharded_batch_keeps_every_device_at_work(tmp_path: Path) -> None:
    (tmp_path / "sharded.py").write_text(SHARDED)
    flags = f"--xla_force_host_platform_device_count=4 {QUICKLY}"
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    done = prepared.run(tmp_path / "sharded.py", framework="jax", env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "40 samples: products of so many rows a device: 2",
        "36 samples: products of so many rows a device: 2",
    ]


def test_the_name_is_imported_when_it_is_used() -> None:
    assert gcl_jax.cached_value_and_grad is cached_value_and_grad
    assert "cached_value_and_grad" in dir(gcl_jax)
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        _ = gcl_jax.other


X = np.ones((4, 2), np.float32)
W = np.ones(2, np.float32)


@pytest.mark.parametrize(
    ("error", "message", "encoder", "inputs", "loss_of", "microbatch"),
    [
        (InputError, "microbatch is 0; wanted", lambda p, x: x, X, lambda _, z: z.sum(), 0),
        (InputTypeError, "is 2.0; wanted a whole", lambda p, x: x, X, lambda _, z: z.sum(), 2.0),
        (
            InputError,
            r"inputs\['b'\] has 3 samples, inputs\['a'\] has 4",
            lambda p, x: x["a"],
            {"a": X, "b": X[:3]},
            lambda _, z: z.sum(),
            2,
        ),
        (InputError, "the batch is empty", lambda p, x: x, X[:0], lambda _, z: z.sum(), 2),
        (InputError, "no array with a sample axis", lambda p, x: x, 1.0, lambda _, z: z, 2),
        (InputError, r"\(1, 2\) for 2", lambda p, x: x[:1], X, lambda _, z: z.sum(), 2),
        (InputError, r"shape \(\) for 4", lambda p, x: x.sum(), X, lambda _, z: z, 4),
        (InputError, r"loss returned shape \(4,\)", lambda p, x: x @ p, X, lambda _, z: z, 2),
        (InputError, r"loss returned shape \(4,\)", lambda p, x: x @ p, X, lambda _, z: z, 9),
        (InputTypeError, "a str as output 1", lambda p, x: (x, ""), X, lambda _, z: z, 2),
        (InputTypeError, "with the key 0", lambda p, x: {0: x}, X, lambda _, z: z, 2),
    ],
)
def test_what_is_wrong_is_said(
    error: Any, message: str, encoder: Any, inputs: Any, loss_of: Any, microbatch: Any
) -> None:
    with pytest.raises(error, match=message):
        cached_value_and_grad(encoder, loss_of, microbatch=microbatch)(W, inputs, {})


@pytest.mark.parametrize("name", ["params", "loss_params"])
def test_parameters_without_gradient_are_refused(name: str) -> None:
    step = cached_value_and_grad(lambda p, x: x, lambda q, z: jnp.sum(z), microbatch=2)
    both = {"params": W, "loss_params": W, name: {"n": np.ones(2, np.int32)}}
    with pytest.raises(InputTypeError, match=rf"{name}\['n'\] has dtype int32"):
        step(both["params"], X, both["loss_params"])


@pytest.mark.parametrize("microbatch", [2, 5])
def test_only_the_scale_is_trained(microbatch: int) -> None:
    """Frozen towers: the gradient comes in the loss alone."""
    with jax.enable_x64(True):
        towers, batch, log_scale = make(5)
        want, (_, grad) = plain(towers, batch, log_scale)
        step = cached_value_and_grad(lambda p, b: encode(towers, b), loss, microbatch=microbatch)
        found, (nothing, by_scale) = jax.jit(step)({}, batch, log_scale)
        assert nothing == {}
        close((found, by_scale), (want, grad))
