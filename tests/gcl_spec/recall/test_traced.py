"""Metrics in functions that JAX compiles."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gcl_spec.errors import InputTypeError
from gcl_spec.recall import rank
from gcl_spec.recall.traced import traced_ranking
from ranked import METRICS, bands

RNG = np.random.default_rng(1)
SCORES = (RNG.integers(0, 5, (4, 12)) / 8 - 0.5).astype(np.float32)
RELEVANT = RNG.random((4, 12)) < 0.3
RELEVANT[:, 3] = True
LEFT_OUT = RNG.random((4, 12)) < 0.2


@jax.jit
def compiled(scores: Any, relevant: Any, left_out: Any) -> jax.Array:
    found = rank(scores, relevant, left_out=left_out)
    return jnp.stack([jnp.stack(found.metric(name)) for name in METRICS])


def test_booleans_are_traced() -> None:
    found = compiled(SCORES, RELEVANT, LEFT_OUT)
    np.testing.assert_allclose(found, want(), atol=5e-7)


def want() -> Any:
    return bands(rank(SCORES, RELEVANT, left_out=LEFT_OUT))


def test_what_would_be_an_error_is_nan() -> None:
    scores, relevant = SCORES.copy(), RELEVANT.copy()
    scores[0, 3], relevant[2] = np.nan, False
    scores[1] = np.where(LEFT_OUT[1] & ~RELEVANT[1], np.nan, scores[1])
    found = np.asarray(compiled(scores, relevant, LEFT_OUT))
    assert np.isnan(found[:, :, [0, 2]]).all()
    np.testing.assert_allclose(found[:, :, [1, 3]], want()[:, :, [1, 3]], atol=5e-7)


def test_constant_pairs_and_traced_ones() -> None:
    pairs, left_out = np.argwhere(RELEVANT), np.argwhere(LEFT_OUT)

    @jax.jit
    def both(x: jax.Array, traced: jax.Array) -> list[jax.Array]:
        ways = (jnp.asarray(pairs), traced)
        return [jnp.stack(rank(x, way, left_out=left_out).hit(3)) for way in ways]

    for found in both(SCORES, pairs):
        np.testing.assert_allclose(found, want()[METRICS.index("hit@3")], atol=5e-7)
    with pytest.raises(InputTypeError, match="left_out is traced"):
        jax.jit(lambda x, p: rank(x, RELEVANT, left_out=p).hit(3))(SCORES, left_out)


def test_a_sort_finds_what_counting_finds() -> None:
    found = traced_ranking(SCORES, RELEVANT, LEFT_OUT, np)
    np.testing.assert_allclose(bands(found), want(), atol=1e-15)
