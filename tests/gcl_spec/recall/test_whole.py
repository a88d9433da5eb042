"""What `rank` takes, on arrays of every framework, and what it refuses."""

from collections.abc import Callable
from typing import Any

import array_api_strict
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from gcl_spec.errors import InputError, InputTypeError
from gcl_spec.recall import rank
from ranked import METRICS, bands

RNG = np.random.default_rng(0)
SCORES = (RNG.integers(0, 5, (4, 12)) / 8 - 0.5).astype(np.float32)
RELEVANT = RNG.random((4, 12)) < 0.3
RELEVANT[:, 3] = True
LEFT_OUT = RNG.random((4, 12)) < 0.2
WANT = bands(rank(SCORES, RELEVANT, left_out=LEFT_OUT))


@pytest.mark.parametrize("array", [np.asarray, array_api_strict.asarray, torch.asarray])
def test_every_form_gives_the_same(array: Callable[[Any], Any]) -> None:
    """Booleans of the scores' framework or of NumPy, arrays of pairs, lists, `nonzero`."""
    scores = array(SCORES)
    pairs, left_out = np.argwhere(RELEVANT), np.argwhere(LEFT_OUT)
    forms: tuple[tuple[Any, Any], ...] = (
        (array(RELEVANT), array(LEFT_OUT)),
        (RELEVANT, left_out),
        (array(pairs), LEFT_OUT),
        ([(int(q), int(c)) for q, c in pairs[::-1]], np.nonzero(LEFT_OUT)),
        (np.concatenate([pairs, pairs]), array(left_out)),
    )
    for relevant, spared in forms:
        found = rank(scores, relevant, left_out=spared)
        np.testing.assert_allclose(bands(found), WANT, atol=1e-15)
        assert type(found.hit(1).expected) is type(scores)


def test_jax_without_64_bits_is_right_to_32() -> None:
    """Outside of compiled code JAX compiles every operation, so few metrics are asked for."""
    scores = jnp.asarray(SCORES)
    found = rank(scores, jnp.asarray(RELEVANT), left_out=LEFT_OUT).hit(3)
    assert isinstance(found.expected, jax.Array)
    np.testing.assert_allclose(found, WANT[METRICS.index("hit@3")], atol=5e-7)
    with pytest.raises(InputError, match="candidate 0 of query 0 is nan"):
        rank(scores.at[0, 0].set(jnp.nan), [(n, 3) for n in range(4)])


def test_scores_of_16_bits() -> None:
    found = rank(torch.asarray(SCORES, dtype=torch.bfloat16), RELEVANT, left_out=LEFT_OUT)
    np.testing.assert_allclose(bands(found), WANT, atol=1e-15)


def test_what_is_left_out_may_hold_anything() -> None:
    for value in (np.nan, np.inf, -np.inf):
        scores = np.where(LEFT_OUT & ~RELEVANT, value, SCORES)
        for spared in (LEFT_OUT, np.argwhere(LEFT_OUT)):
            np.testing.assert_array_equal(bands(rank(scores, RELEVANT, left_out=spared)), WANT)


def test_a_relevant_candidate_is_never_left_out() -> None:
    for spared in (RELEVANT, np.argwhere(RELEVANT)):
        found = rank(SCORES, RELEVANT, left_out=spared)
        np.testing.assert_array_equal(bands(found), bands(rank(SCORES, RELEVANT)))


def test_queries_without_an_answer_are_named() -> None:
    nobody = RELEVANT & (np.arange(4) % 2 == 0)[:, None]
    with pytest.raises(InputError, match=r"relevant to queries 1, 3, so .*no_relevant=\"nan\""):
        rank(SCORES, nobody)
    with pytest.raises(InputError, match="relevant to query 0, so"):
        rank(SCORES[:1], [])
    found = bands(rank(SCORES, nobody, left_out=LEFT_OUT, no_relevant="nan"))
    assert np.isnan(found[:, :, [1, 3]]).all()
    np.testing.assert_array_equal(found[:, :, [0, 2]], WANT[:, :, [0, 2]])
    with pytest.raises(InputError, match="no_relevant is 'zero'"):
        rank(SCORES, nobody, no_relevant="zero")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_named(value: float) -> None:
    scores = np.asarray([[0.5, 0.2, 0.1], [0.3, 0.4, value]])
    with pytest.raises(InputError, match=rf"candidate 2 of query 1 is {value}; .*left_out"):
        rank(scores, [(0, 0), (1, 0)])
    with pytest.raises(InputError, match=f"a relevant candidate of query 1 is {value}"):
        rank(scores, [(0, 0), (1, 2)])


def test_shapes_and_numbers_that_do_not_fit() -> None:
    wrong: tuple[tuple[type[Exception], str, Any, Any], ...] = (
        (InputError, r"scores have shape \(12,\); wanted \(Q, C\)", SCORES[0], RELEVANT[0]),
        (InputError, "scores have shape", SCORES[:0], RELEVANT[:0]),
        (InputError, "there is no candidate", SCORES[:, :0], RELEVANT[:, :0]),
        (InputTypeError, "wanted a real floating one", SCORES.astype(int), RELEVANT),
        (InputError, r"relevant has shape \(4, 11\), scores", SCORES, RELEVANT[:, 1:]),
        (
            InputError,
            "pair 1 of relevant names candidate 12; there are 12",
            SCORES,
            [(0, 0), (1, 12)],
        ),
        (InputError, "pair 0 of relevant names query -1", SCORES, [(-1, 0)]),
        (InputError, r"wanted pairs \(query, candidate\)", SCORES, [(0, 0, 1)]),
        (InputTypeError, "relevant has dtype float64", SCORES, [(0.0, 1.0)]),
    )
    for kind, message, scores, relevant in wrong:
        with pytest.raises(kind, match=message):
            rank(scores, relevant)
    with pytest.raises(InputError, match="pair 0 of left_out names query 4"):
        rank(SCORES, RELEVANT, left_out=[(4, 0)])
