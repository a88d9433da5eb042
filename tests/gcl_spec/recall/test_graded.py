"""nDCG with grades, against its definition over all orders of ties."""

from itertools import permutations

import array_api_strict
import numpy as np
import pytest

from gcl_spec.errors import InputError
from gcl_spec.recall import rank
from gcl_spec.recall.graded import graded_ndcg
from gcl_spec.tasks.peers.mixbench import ndcg as peer_ndcg

GAINS = np.asarray([3.0, 0.5, 1.0, 0.0, 1.0, -2.0])
PAIRS = [(0, n) for n in range(6)]


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
    found = [float(x[0]) for x in graded_ndcg(given, PAIRS, GAINS, k)]
    assert found == pytest.approx(by_hand(scores, k), abs=1e-12)


def test_what_mixbench_computes() -> None:
    scores = np.random.default_rng(0).random((1, 30))
    gains = np.random.default_rng(1).integers(0, 4, 30).astype(float)
    found = graded_ndcg(scores, [(0, n) for n in range(30)], gains, 10).expected[0]
    assert found == pytest.approx(peer_ndcg(scores[0], gains, gains.tolist())[0], abs=1e-12)


def test_grades_of_one_are_the_plain_metric() -> None:
    scores = np.random.default_rng(0).integers(0, 4, (3, 9)).astype(float)
    pairs, left = [(0, 1), (0, 2), (2, 5)], [(0, 3), (2, 4)]
    plain = rank(scores, pairs, left_out=left, no_relevant="nan").ndcg(4)
    for spared in (left, _matrix(left)):
        found = graded_ndcg(scores, pairs, [2.0, 2.0, 7.0], 4, left_out=spared)
        for one, other in zip(found, plain, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-12)
    assert np.isnan(found.expected).tolist() == [False, True, False]
    assert np.isnan(graded_ndcg(scores, pairs, [0.0] * 3, 4).expected).all()


def test_a_relevant_candidate_of_any_grade_is_never_left_out() -> None:
    scores, pairs = np.asarray([[3.0, 2.0, 1.0]]), [(0, 0), (0, 1)]
    wanted = graded_ndcg(scores, pairs, [1.0, 2.0], 3).expected
    for spared in ([(0, 0)], np.asarray([[True, False, False]])):
        assert graded_ndcg(scores, pairs, [1.0, 2.0], 3, left_out=spared).expected == wanted


def test_what_is_refused() -> None:
    scores = np.asarray([[1.0, 2.0]])
    for pairs, gains, message in (
        ([(0, 0)], [1.0, 2.0], "a finite gain for each"),
        ([(0, 0)], [np.nan], "a finite gain for each"),
        ([(0, 0), (0, 0)], [1.0, 2.0], "stands twice"),
        ([(0, 2)], [1.0], "names candidate 2"),
    ):
        with pytest.raises(InputError, match=message):
            graded_ndcg(scores, pairs, gains, 1)


def _matrix(pairs: list[tuple[int, int]]) -> np.ndarray:
    found = np.zeros((3, 9), bool)
    found[tuple(np.asarray(pairs).T)] = True
    return found
