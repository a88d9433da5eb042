"""A sigmoid's loss and gradients in one scan: those of two passes, and of whole blocks."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gcl_jax.loss import one_pass
from gcl_jax.loss.kernel import GramKernel
from gcl_jax.loss.scan_tiles import Tiles
from gcl_spec.loss import gcl_loss
from gcl_spec.loss.equation import contrastive_terms
from gcl_spec.loss.plain import plain_blocks
from gcl_spec.objective import PRESETS, Objective

SIGMOID = Objective(loss="sigmoid")


@pytest.fixture(autouse=True)
def in_float64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def arguments(samples: int = 13, seed: int = 5) -> tuple[Any, ...]:
    """Unit rows of images and texts, (B, 6), a log-scale and a bias."""
    rows = np.random.default_rng(seed).normal(size=(2, samples, 6))
    rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
    return (*jnp.asarray(rows), jnp.asarray(1.5), jnp.asarray(-2.0))


def graded(given: tuple[Any, ...], kernel: Any, **options: Any) -> Any:
    """The loss and its gradients by all that is given."""

    def loss(image: Any, text: Any, log_scale: Any, bias: Any) -> Any:
        return gcl_loss(image, text, log_scale=log_scale, bias=bias, kernel=kernel, **options)

    return jax.value_and_grad(loss, argnums=(0, 1, 2, 3))(*given)


def close(found: Any, want: Any) -> None:
    """Hold every array of one tree against that of another."""
    for x, y in zip(jax.tree.leaves(found), jax.tree.leaves(want), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-11, atol=1e-14)


@pytest.fixture
def spoilt(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second pass whose gradients are no numbers: what holds without it has not used it."""
    gradients = Tiles.gradients

    def no_numbers(self: Tiles, *given: Any) -> Any:
        return jax.tree.map(lambda x: x * jnp.nan, gradients(self, *given))

    monkeypatch.setattr(Tiles, "gradients", no_numbers)


@pytest.mark.usefixtures("spoilt")
@pytest.mark.parametrize("samples", [12, 13])
@pytest.mark.parametrize("weights", [None, (0.3, 0.8)])
@pytest.mark.parametrize("preset", ["siglip", "siglip-all"])
def test_one_pass_gives_what_whole_blocks_give(preset: str, weights: Any, samples: int) -> None:
    options: dict[str, Any] = {"objective": PRESETS[preset], "weights": weights}
    given = arguments(samples)
    found = graded(given, GramKernel(tile=6), **options)  # no other test has compiled these tiles
    close(found, graded(given, plain_blocks, **options))


@pytest.mark.usefixtures("spoilt")
def test_equal_samples_take_one_pass() -> None:
    given, ids = arguments(), jnp.arange(13) // 3
    found = graded(given, GramKernel(tile=6), objective=SIGMOID, ids=ids)
    close(found, graded(given, plain_blocks, objective=SIGMOID, ids=ids))


def test_weights_that_differ_take_a_second_pass() -> None:
    weights = jnp.linspace(0.5, 2.0, 13)

    def loss(kernel: Any) -> Any:
        def weighted(image: Any, text: Any, log_scale: Any, bias: Any) -> Any:
            rows = {"image": image, "text": text}
            terms = contrastive_terms(
                rows, log_scale=log_scale, bias=bias, objective=SIGMOID, kernel=kernel
            )
            return jnp.sum(terms.values * weights)

        return jax.grad(weighted, argnums=(0, 1, 2, 3))(*arguments())

    close(loss(GramKernel(tile=5)), loss(plain_blocks))


def test_missing_rows_take_two_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_pass, "sums_and_unit", lambda tiles: pytest.fail("one pass was made"))
    present = {"text": jnp.arange(13) % 4 > 0}
    options: dict[str, Any] = {"objective": SIGMOID, "present": present}
    found = graded(arguments(), GramKernel(tile=7), **options)
    close(found, graded(arguments(), plain_blocks, **options))


def test_nothing_is_computed_ahead_where_no_gradient_is_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(one_pass, "sums_and_unit", lambda tiles: pytest.fail("one pass was made"))
    image, text, log_scale, bias = arguments()
    for kernel in (GramKernel(tile=4), plain_blocks):
        loss = gcl_loss(
            image, text, log_scale=log_scale, bias=bias, objective=SIGMOID, kernel=kernel
        )
        assert float(loss) == pytest.approx(
            float(graded(arguments(), plain_blocks, objective=SIGMOID)[0])
        )


def test_a_second_derivative_is_that_of_whole_blocks() -> None:
    given = arguments(8)

    def twice(kernel: Any) -> Any:
        def slope(log_scale: Any) -> Any:
            def loss(bias: Any) -> Any:
                rows = given[:2]
                return gcl_loss(
                    *rows, log_scale=log_scale, bias=bias, objective=SIGMOID, kernel=kernel
                )

            return jax.grad(loss)(given[3])

        return jax.grad(slope)(given[2])

    close(twice(GramKernel(tile=3)), twice(plain_blocks))
