"""Fused rows that are not given, and tiles, on every backend against the reference's chain rule."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import gcl_jax
import gcl_torch
from gcl_spec.backend import Backend
from gcl_spec.normalize import l2_normalize
from gcl_spec.objective import GCL, Objective

FIVE = Objective(modalities=("image", "text", "video", "image+text", "video+text"))
HERE = np.asarray([[1, 1, 0, 1, 1, 1], [1, 0, 1, 1, 1, 1], [1, 0, 0, 1, 1, 1]], bool)


@pytest.mark.parametrize(
    ("name", "tile"),
    [
        ("image and text", None),
        ("image and text", 4),
        ("weighted", None),
        ("five modalities", None),
        ("missing rows", None),
    ],
)
def test_fused_rows_follow_from_their_parts(
    backend: Backend, reference: Backend, name: str, tile: int | None
) -> None:
    objective = FIVE if name == "five modalities" else GCL
    given = 3 if objective is FIVE else 2
    rows = l2_normalize(np.random.default_rng(0).normal(size=(given, 6, 5)))
    present = HERE if name == "missing rows" else None
    weights = np.linspace(0.4, 2.0, 12).reshape(1, 2, 6) if name == "weighted" else None
    scale = np.asarray(2.0)
    options = {"objective": objective, "present": present, "weights": weights}
    want = reference.loss_and_grads(rows, scale, **options)
    device = backend.devices()[0]

    def array(x: np.ndarray, dtype: str = "float64"):
        return backend.from_numpy(x, dtype=dtype, device=device)

    found = backend.loss_and_grads(
        array(rows),
        array(scale),
        objective=objective,
        present=None if present is None else array(present, "bool"),
        weights=None if weights is None else array(weights),
        tile=tile,
    )
    assert float(backend.to_numpy(found.loss)) == pytest.approx(float(want.loss), rel=1e-12)
    np.testing.assert_allclose(backend.to_numpy(found.grads), want.grads, rtol=1e-9, atol=1e-12)
    assert float(backend.to_numpy(found.dlog_scale)) == pytest.approx(float(want.dlog_scale))


def by_torch(weight_B: np.ndarray, here_B: np.ndarray, tile: int | None) -> list[np.ndarray]:
    image, text, weight = (
        torch.tensor(x, requires_grad=True) for x in (*unit_rows(len(here_B)), weight_B)
    )
    gcl_torch.gcl_loss(
        image, text, log_scale=1.0, weights=(weight, 3.0), tile=tile,
        present={"image": torch.from_numpy(here_B)},
    ).backward()  # fmt: skip
    return [x.grad.numpy() for x in (image, text, weight)]


def by_jax(weight_B: np.ndarray, here_B: np.ndarray, tile: int | None) -> list[np.ndarray]:
    def loss(image, text, weight):
        flags = {"image": jnp.asarray(here_B)}
        return gcl_jax.gcl_loss(
            image, text, log_scale=1.0, weights=(weight, 3.0), tile=tile, present=flags
        )

    given = (jnp.asarray(x) for x in (*unit_rows(len(here_B)), weight_B))
    return [np.asarray(x) for x in jax.jit(jax.grad(loss, (0, 1, 2)))(*given)]


def unit_rows(size: int) -> tuple[np.ndarray, np.ndarray]:
    image, text = np.random.default_rng(5).normal(size=(2, size, 6)).astype(np.float32)
    return l2_normalize(image), l2_normalize(text)


@pytest.mark.parametrize("tile", [None, 2])
@pytest.mark.parametrize("gradients", [by_torch, by_jax])
def test_weights_of_absent_parts_reach_no_gradient(gradients, tile: int | None) -> None:
    """As their rows, which may be NaN: the norms of such projections are NaN."""
    here = np.arange(5) != 2
    plain = gradients(np.full(5, 2.0, np.float32), here, tile)
    found = gradients(np.where(here, np.float32(2), np.float32(np.nan)), here, tile)
    for got, want in zip(found, plain, strict=True):
        np.testing.assert_array_equal(got, want)
    assert found[2][2] == 0
    assert found[2][here].all()
