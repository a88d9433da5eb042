"""nDCG of relevant candidates with gains, against its definition over all orders of ties."""

from itertools import permutations
from typing import Any

import array_api_strict
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from gcl_spec.errors import InputError, InputTypeError
from gcl_spec.recall import RankingStream, rank
from gcl_spec.tasks.peers.mixbench import ndcg as peer_ndcg
from ranked import bands

GAINS = np.asarray([3.0, 0.5, 1.0, 0.0, 1.0, -2.0])
PAIRS = [(0, n) for n in np.flatnonzero(GAINS > 0)[::-1]]
GIVEN = [GAINS[n] for _, n in PAIRS]


def by_hand(scores: np.ndarray, k: int) -> tuple[float, float, float]:
    """The least value, the mean, and the largest one of all orders by falling score."""
    gains = np.maximum(GAINS, 0)
    discounts = 1 / np.log2(np.arange(2, k + 2))
    best = np.sort(gains)[::-1][:k] @ discounts
    orders = [list(o) for o in permutations(range(6)) if np.all(np.diff(scores[list(o)]) <= 0)]
    values = [gains[order[:k]] @ discounts / best for order in orders]
    return min(values), float(np.mean(values)), max(values)


@pytest.mark.parametrize("k", [1, 3, 6])
@pytest.mark.parametrize("namespace", [np, array_api_strict])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_mean_over_all_orders_of_ties(k: int, namespace: object, seed: int) -> None:
    scores = np.random.default_rng(seed).integers(0, 3, 6).astype(float)
    given = namespace.asarray(scores[None, :])  # type: ignore[attr-defined]
    found = [float(x[0]) for x in rank(given, PAIRS, gains=GIVEN).ndcg(k)]
    assert found == pytest.approx(by_hand(scores, k), abs=1e-12)


def test_what_mixbench_computes() -> None:
    scores = np.random.default_rng(0).random((1, 30))
    gains = np.random.default_rng(1).integers(0, 4, 30).astype(float)
    found = rank(scores, gains[None] > 0, gains=gains[None]).ndcg(10).expected[0]
    assert found == pytest.approx(peer_ndcg(scores[0], gains, gains.tolist())[0], abs=1e-12)


def test_numpy_itself_will_do_as_the_namespace() -> None:
    scores = np.floor(np.random.default_rng(0).random((2, 99)) * 2)
    gains = np.random.default_rng(1).integers(1, 5, (2, 99)) * 1.0
    want = rank(scores, gains > 0, gains=gains).ndcg(10)
    np.testing.assert_array_equal(rank(scores, gains > 0, gains=gains, xp=np).ndcg(10), want)


def test_equal_gains_are_the_plain_metric() -> None:
    scores = np.random.default_rng(0).integers(0, 4, (3, 9)).astype(float)
    pairs, left = [(0, 1), (0, 2), (2, 5)], [(0, 3), (2, 4)]
    plain = bands(rank(scores, pairs, left_out=left, no_relevant="nan"))
    found = rank(scores, pairs, gains=[2.0, 2.0, 7.0], left_out=left, no_relevant="nan")
    np.testing.assert_allclose(bands(found), plain, atol=1e-12)
    assert np.isnan(found.ndcg(4).expected).tolist() == [False, True, False]


SCORES = np.random.default_rng(3).integers(0, 3, (2, 8)) / 4
RELEVANT = np.random.default_rng(4).random((2, 8)) < 0.6
GRADES = np.where(RELEVANT, np.random.default_rng(5).integers(1, 4, (2, 8)), np.nan)


@pytest.mark.parametrize("array", [np.asarray, array_api_strict.asarray, torch.asarray])
def test_every_form_gives_the_same(array: Any) -> None:
    want = bands(rank(SCORES, RELEVANT, gains=GRADES))
    pairs = np.argwhere(RELEVANT)[::-1].copy()
    of_pairs = GRADES[tuple(pairs.T)]
    for relevant, gains in (
        (array(RELEVANT), array(GRADES)),
        (pairs, GRADES),
        (array(pairs), array(of_pairs)),
        (pairs, of_pairs.tolist()),
    ):
        np.testing.assert_array_equal(bands(rank(array(SCORES), relevant, gains=gains)), want)
    chosen = array(SCORES[tuple(pairs.T)])
    stream = RankingStream(chosen, pairs, queries=2, gains=array(of_pairs))
    for part in (slice(0, 3), slice(3, 8)):
        stream.add(array(SCORES)[:, part])
    np.testing.assert_array_equal(bands(stream.ranking()), want)


def test_compiled_code_of_jax() -> None:
    @jax.jit
    def compiled(gains: jax.Array, relevant: jax.Array) -> jax.Array:
        return jnp.stack(rank(jnp.asarray(SCORES), relevant, gains=gains).ndcg(3))

    want = np.asarray(rank(SCORES, RELEVANT, gains=GRADES).ndcg(3))
    np.testing.assert_allclose(compiled(GRADES, RELEVANT), want, atol=5e-7)
    wrong = np.where(np.arange(8) == np.flatnonzero(RELEVANT[1])[0], 0.0, GRADES)
    wrong[0] = GRADES[0]
    assert np.isnan(compiled(wrong, RELEVANT)).all(axis=0).tolist() == [False, True]
    with pytest.raises(InputTypeError, match=r"give gains \(Q, C\)"):
        jax.jit(lambda r: rank(jnp.asarray(SCORES), r, gains=[1.0]).ndcg(3))(RELEVANT)


def test_what_is_refused() -> None:
    scores = np.asarray([[1.0, 2.0]])
    for pairs, gains, message in (
        ([(0, 0)], [1.0, 2.0], r"gains have shape \(2,\); wanted one for each of the 1 pairs"),
        ([(0, 0)], [np.nan], "gain of a relevant candidate of query 0 is nan"),
        ([(0, 0)], [np.inf], "gain of a relevant candidate of query 0 is inf"),
        ([(0, 0)], [0.0], r"query 0 is 0.0; wanted .* above 0; .*leave it out"),
        ([(0, 0), (0, 0)], [1.0, 2.0], "stands twice"),
        ([(0, 2)], [1.0], "names candidate 2"),
        (np.asarray([[True, False]]), [1.0], r"wanted as \(Q, C\)"),
    ):
        with pytest.raises(InputError, match=message):
            rank(scores, pairs, gains=gains)
    with pytest.raises(InputError, match="wanted one for each of the 1 pairs"):
        RankingStream(np.zeros(1), [(0, 0)], queries=1, gains=[1.0, 2.0])
