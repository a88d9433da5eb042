"""Equal ids as positives: what a sample without an equal has stays exact."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import gcl_jax
import gcl_torch
from gcl_spec.loss import gcl_loss
from gcl_spec.normalize import l2_normalize
from gcl_spec.objective import Objective

SIZE, SCALE = 6, np.log(100.0)
DISTINCT, ONE_PAIR = np.arange(SIZE), np.asarray([0, 1, 2, 3, 4, 4])
PAIR = ("image", "text")
POSITIVE = {
    pool: Objective(modalities=PAIR, pool=pool, duplicates="positive") for pool in ("all", "target")
}


def matched() -> tuple[np.ndarray, np.ndarray]:
    """Pairs that are all but matched, of samples far from each other: gradients are near 1e-8."""
    rng = np.random.default_rng(0)
    image = rng.normal(size=(SIZE, 4))
    text = image + 0.03 * rng.normal(size=image.shape)
    return l2_normalize(image), l2_normalize(text)


def by_torch(ids: np.ndarray | None, rule: Objective, dtype: str, tile: int | None) -> np.ndarray:
    image, text = (torch.tensor(x.astype(dtype), requires_grad=True) for x in matched())
    ids = None if ids is None else torch.from_numpy(ids)
    gcl_torch.gcl_loss(image, text, log_scale=SCALE, objective=rule, ids=ids, tile=tile).backward()
    return image.grad.numpy()


def by_jax(ids: np.ndarray | None, rule: Objective, dtype: str, tile: int | None) -> np.ndarray:
    image, text = (jnp.asarray(x.astype(dtype)) for x in matched())
    ids = None if ids is None else jnp.asarray(ids)

    def loss(x: jax.Array) -> jax.Array:
        return gcl_jax.gcl_loss(x, text, log_scale=SCALE, objective=rule, ids=ids, tile=tile)

    return np.asarray(jax.jit(jax.grad(loss))(image))


@pytest.mark.parametrize("tile", [None, 2])
@pytest.mark.parametrize("pool", POSITIVE)
@pytest.mark.parametrize("gradient", [by_torch, by_jax])
def test_distinct_ids_are_no_ids(gradient, pool: str, tile: int | None) -> None:
    """To the rounding of the gradient itself, which logits of a hundred would drown."""
    want = by_torch(None, POSITIVE[pool], "float64", None)
    assert 0 < np.abs(want).max() < 1e-7
    found = gradient(DISTINCT, POSITIVE[pool], "float32", tile)
    assert np.abs(found - want).max() < 1e-4 * np.abs(want).max()


def test_the_value_of_distinct_ids_is_that_of_none() -> None:
    for rule in POSITIVE.values():
        options = {"log_scale": SCALE, "objective": rule}
        want = gcl_loss(*matched(), **options)
        assert gcl_loss(*matched(), ids=DISTINCT, **options) == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("tile", [None, 2])
def test_equal_samples_beside_them_change_nothing_of_that(tile: int | None) -> None:
    """Rows of the others: what the equal ones add to them is as small as their own gradient."""
    rule = POSITIVE["target"]
    want = by_torch(ONE_PAIR, rule, "float64", tile)
    found = by_torch(ONE_PAIR, rule, "float32", tile)
    others = ONE_PAIR < 4
    assert 0 < np.abs(want[others]).max() < 1e-6 < np.abs(want).max()
    assert np.abs(found - want)[others].max() < 1e-4 * np.abs(want[others]).max()
