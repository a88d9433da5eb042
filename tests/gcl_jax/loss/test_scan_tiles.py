"""The tiled kernel of JAX against the direct one; few programs, each compiles for seconds.

The direct one is that of the same equations on torch, which need not be compiled.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from array_api_compat import torch as torch_namespace

from gcl_jax import gcl_loss
from gcl_spec.errors import InputError
from gcl_spec.loss.equation import gcl_loss as plain_loss
from gcl_spec.loss.plain import plain_blocks
from gcl_spec.loss.tiled.scales import sigmoid
from gcl_spec.normalize import l2_normalize
from gcl_spec.objective import CLIP, GCL, PRESETS, SEPARATION, Objective

SAMPLES = 37
IDS = np.arange(SAMPLES) % 29
HERE = np.arange(SAMPLES) % 5 != 2


def rows(seed: int, *shape: int) -> np.ndarray:
    return l2_normalize(np.random.default_rng(seed).normal(size=shape))


CASES: dict[str, dict[str, Any]] = {
    "weighted fusion, missing texts": {
        "weights": (np.linspace(0.5, 2.0, SAMPLES), 1.5),
        "present": {"text": HERE},
    },
    "CLIP": {"objective": CLIP},
    "positives by id": {"ids": IDS, "objective": Objective(duplicates="positive")},
    "negatives by id, three given": {"ids": IDS, "fused": True},
    "separation by captions": {"objective": SEPARATION, "captions": True},
}


def arrays_of(case: dict[str, Any]) -> list[np.ndarray | None]:
    """Images, texts, fused rows and captions, where the case has them."""
    fused = rows(2, SAMPLES, 6) if "fused" in case else None
    captions = rows(3, SAMPLES, 4) if "captions" in case else None
    return [rows(0, SAMPLES, 6), rows(1, SAMPLES, 6), fused, captions]


def options_of(case: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in case.items() if k not in ("fused", "captions")}


def tiled_step(case: dict[str, Any]) -> Any:
    """A function from the scale to the loss, all gradients by rows, and the one by log_scale."""
    given = [x if x is None else jnp.asarray(x) for x in arrays_of(case)]

    def of(image: Any, text: Any, fused: Any, captions: Any, s: Any) -> Any:
        more = {} if captions is None else {"captions": captions}
        return gcl_loss(image, text, fused, log_scale=s, tile=16, **options_of(case), **more)

    at = [n for n, x in enumerate((*given, 0)) if x is not None]
    step = jax.jit(jax.value_and_grad(of, argnums=at))

    def run(scale: float) -> tuple[float, np.ndarray, float]:
        value, grads = step(*given, jnp.asarray(np.log(scale)))
        flat = [np.asarray(g).ravel() for g in grads]
        return float(value), np.concatenate(flat[:-1]), float(flat[-1][0])

    return run


def on_torch(x: Any) -> Any:
    return torch.asarray(x) if isinstance(x, np.ndarray) else x


def plain_step(
    arrays: list[np.ndarray | None], scale: float, **options: Any
) -> tuple[float, np.ndarray, float]:
    """What `tiled_step` gives, of the direct kernel, by torch in double precision."""
    given = [
        x if x is None else torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in arrays
    ]
    log_scale = torch.tensor(np.log(scale), dtype=torch.float64, requires_grad=True)
    *most, captions = given
    more = {} if captions is None else {"captions": captions}
    for name, value in options.items():
        if name == "weights":
            value = tuple(map(on_torch, value))
        elif name == "present":
            value = {key: on_torch(x) for key, x in value.items()}
        more[name] = on_torch(value)
    loss = plain_loss(*most, log_scale=log_scale, xp=torch_namespace, kernel=plain_blocks, **more)
    loss.backward()
    flat = np.concatenate([x.grad.numpy().ravel() for x in given if x is not None])
    return loss.item(), flat, log_scale.grad.item()


@pytest.mark.parametrize("name", CASES)
def test_tiles_are_the_plain_loss(name: str) -> None:
    """At a scale with one shift and, by the same program, at one with maxima of their own."""
    with jax.enable_x64(True):
        tiled = tiled_step(CASES[name])
        for scale in (20.0, 3000.0):
            want = plain_step(arrays_of(CASES[name]), scale, **options_of(CASES[name]))
            have = tiled(scale)
            assert have[0] == pytest.approx(want[0], rel=1e-12)
            error = np.linalg.norm(have[1] - want[1])
            assert error <= 1e-10 * np.linalg.norm(want[1])
            assert have[2] == pytest.approx(want[2], rel=1e-9, abs=1e-12)


def test_missing_rows_make_no_nan_on_the_way() -> None:
    """It would be masked later, but stop those who debug with `jax_debug_nans`."""
    image, text = (jnp.asarray(rows(n, SAMPLES, 6), jnp.float32) for n in (0, 1))
    loss = partial(gcl_loss, log_scale=3.0, present={"text": jnp.asarray(HERE)}, tile=16)
    with jax.debug_nans(True):  # looks at the results of each program: the loss must not be one
        found = jax.grad(loss, argnums=1)(image, text)
    np.testing.assert_array_equal(found[~HERE], 0)
    assert np.all(np.any(np.asarray(found)[HERE] != 0, axis=1))


TILED_STEP = jax.jit(jax.value_and_grad(partial(gcl_loss, tile=16), (0, 1)))


@pytest.mark.parametrize("noise", [1e3, 0.02, 0.002])
@pytest.mark.parametrize("scale", [20.0, 100.0])
def test_single_precision(scale: float, noise: float) -> None:
    """A trained model has pairs of like rows, whose gradients are differences of large numbers."""
    image = rows(0, SAMPLES, 6)
    text = l2_normalize(image + noise * rows(1, SAMPLES, 6))
    image, text = image.astype(np.float32), text.astype(np.float32)
    want, exact, _ = plain_step([image, text, None, None], scale)
    pair = (jnp.asarray(x, np.float32) for x in (image, text))
    value, grads = TILED_STEP(*pair, log_scale=jnp.asarray(np.log(scale), np.float32))
    have, grads = float(value), np.asarray(grads, np.float64).ravel()
    assert have == pytest.approx(want, rel=1e-6)
    assert np.linalg.norm(grads - exact) <= 1e-4 * np.linalg.norm(exact)


@pytest.mark.parametrize("samples", [8, 50])
def test_compiled_whole_blocks_are_without_nan(samples: int) -> None:
    """A maximum that is computed again, rounded differently, is no element's value."""
    image, text = (jnp.asarray(rows(n, samples, 32), jnp.float32) for n in (0, 1))
    step = jax.jit(jax.grad(partial(plain_loss, log_scale=float(np.log(20)), xp=jnp), (0, 1)))
    assert np.isfinite(np.asarray(step(image, image + 0.1 * text))).all()


def test_vmap_over_the_temperature() -> None:
    image, text = (jnp.asarray(rows(n, SAMPLES, 6), jnp.float32) for n in (0, 1))
    scales = jnp.asarray([1.0, 3.0, 8.0])
    loss = jax.jit(jax.vmap(lambda s: gcl_loss(image, text, log_scale=s, tile=16)))
    found = loss(scales)
    pair = [np.asarray(image), np.asarray(text), None, None]
    want = [plain_step(pair, float(np.exp(s)))[0] for s in scales]
    assert np.asarray(found) == pytest.approx(want, rel=1e-5)


@pytest.mark.parametrize(
    ("mode", "objective"),
    [("reverse", CLIP), ("forward", CLIP), ("reverse", PRESETS["siglip-all"])],
)
def test_second_derivatives_are_right(mode: str, objective: Objective) -> None:
    """JAX differentiates the backward pass as it stands."""
    with jax.enable_x64(True):
        image, text = (jnp.asarray(rows(n, SAMPLES, 6)) for n in (0, 1))
        along = jnp.asarray(rows(3, SAMPLES, 6))
        bias = -3.0 if objective.loss == "sigmoid" else None
        found = []
        for loss in (partial(gcl_loss, tile=16), partial(plain_loss, xp=jnp)):
            first = jax.grad(
                lambda x, loss=loss: loss(x, text, log_scale=2.0, objective=objective, bias=bias)
            )
            if mode == "forward":
                second = partial(lambda first, x: jax.jvp(first, (x,), (along,))[1], first)
            else:
                second = jax.grad(lambda x, first=first: jnp.vdot(first(x), along))
            found.append(jax.jit(second)(image))
        np.testing.assert_allclose(found[0], found[1], rtol=1e-8, atol=1e-11)


def test_the_derivative_of_a_sigmoid_is_finite_everywhere() -> None:
    """Second derivatives of tiles pass through it, also where an exponential would overflow."""
    x = jnp.asarray([-1e6, -130.0, -3.0, 0.0, 2.0, 130.0], jnp.float32)
    s = np.exp(-np.logaddexp(0, -np.log(2) * np.asarray(x, np.float64)))
    with jax.debug_nans(True):
        found = jax.vmap(jax.grad(lambda y: sigmoid(y, jnp)))(x)
    np.testing.assert_allclose(found, np.log(2) * s * (1 - s), rtol=1e-6, atol=1e-30)


def test_forward_mode_is_an_error() -> None:
    image, text = (jnp.asarray(rows(n, SAMPLES, 6), jnp.float32) for n in (0, 1))
    loss = partial(gcl_loss, text=text, log_scale=2.0, objective=CLIP, tile=16)
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(loss, (image,), (image,))


def test_the_default_objective_is_gcl() -> None:
    image, text = (jnp.asarray(rows(n, 8, 6), jnp.float32) for n in (0, 1))
    loss = partial(gcl_loss, log_scale=1.0)
    traced = [
        str(jax.make_jaxpr(partial(loss, **given))(image, text))
        for given in ({}, {"objective": GCL}, {"objective": CLIP})
    ]
    assert traced[0] == traced[1] != traced[2]


def test_arrays_that_a_compiled_function_closes_over() -> None:
    """Frozen features are no arguments; operations on them are traced all the same."""
    image, text, captions = (jnp.asarray(rows(n, 8, 4)) for n in (0, 1, 2))
    want = gcl_loss(image, text, log_scale=1.0, captions=captions, ids=jnp.arange(8))
    found = jax.jit(
        lambda s: gcl_loss(image, text, log_scale=s, captions=captions, ids=jnp.arange(8))
    )
    assert float(found(1.0)) == pytest.approx(float(want), rel=1e-6)
    weights = (jnp.linspace(1.0, 2.0, 8), 1.0)
    still = jax.jit(lambda: gcl_loss(image, text, log_scale=1.0, weights=weights))
    assert np.isfinite(float(still()))
    broken = image * jnp.nan
    with pytest.raises(InputError, match="rows 0, 1, 2, 3, 4 and 3 more of 'image' hold NaN"):
        jax.jit(lambda s: gcl_loss(broken, text, log_scale=s))(1.0)


def test_shares_of_large_sums_are_not_flushed_to_zero() -> None:
    """XLA takes subnormal numbers for 0, which one over a sum of 2**126, times 1/6N, would be."""
    rng = np.random.default_rng(0)
    common = rng.normal(size=(1, 32))
    image, text = (x + 8 * common for x in rng.normal(size=(2, 300, 32)))
    image, text = l2_normalize(image), l2_normalize(text)

    def grads(loss: Any, dtype: Any, **extra: Any) -> list[np.ndarray]:
        def of(i: jax.Array, t: jax.Array, factor: jax.Array) -> jax.Array:
            return factor * loss(i, t, log_scale=float(np.log(100)), **extra)

        step = jax.jit(jax.grad(of, (0, 1)))
        rows = jnp.asarray(image, dtype), jnp.asarray(text, dtype)
        return [np.asarray(step(*rows, dtype(x)), np.float64) for x in (1, 1e-9)]

    exact = np.split(plain_step([image, text, None, None], 100.0)[1], 2)
    for factor, have in zip((1, 1e-9), grads(gcl_loss, np.float32, tile=128), strict=True):
        for found, want in zip(have, exact, strict=True):
            error = np.linalg.norm(found.ravel() - factor * want)
            assert error <= 1e-4 * factor * np.linalg.norm(want)


ROWS_OF_8 = jax.jit(partial(gcl_loss, tile=8))


@pytest.mark.parametrize("scale", [20.0, 3000.0])
def test_rows_of_32_bits_where_64_are_enabled(scale: float) -> None:
    """What stands in for sums that are not there must have the rows' dtype."""
    image, text = (rows(n, 20, 4).astype(np.float32) for n in (0, 1))
    want = plain_step([image, text, None, None], scale)[0]
    with jax.enable_x64(True):
        pair = (jnp.asarray(image), jnp.asarray(text))
        found = ROWS_OF_8(*pair, log_scale=jnp.asarray(np.log(scale), np.float32))
    assert found.dtype == np.float32
    assert float(found) == pytest.approx(float(want), rel=1e-6)
