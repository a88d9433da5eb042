"""Resamples and sign flips: what is exact, what mirrors, and p-values without a difference."""

from itertools import product

import numpy as np
import pytest

from gcl_spec.evaluate import resampling
from gcl_spec.evaluate.resampling import bootstrap_means, flipped_means, holm, interval, p_value

HITS = np.asarray([1.0] * 9 + [-1.0] * 4 + [0.0] * 20)
REALS = np.random.default_rng(3).normal(0.1, 0.3, 300)


def p_of(deltas: np.ndarray) -> float:
    return p_value(flipped_means([deltas], [1.0]), float(deltas.mean()))


def test_few_queries_are_tested_by_all_signs() -> None:
    deltas = np.asarray([1.0, 0.5, 0.25, 0.0, -0.25])
    signs = np.asarray(list(product([1, -1], repeat=5)))
    far = np.abs(signs @ deltas) >= deltas.sum() - 1e-9
    assert p_of(deltas) == far.mean()
    assert p_of(np.zeros(4)) == 1.0
    assert p_of(np.asarray([1.0])) == 1.0
    assert p_of(np.ones(6)) == 2 / 2**6


@pytest.mark.parametrize("limit", [0, 256])
def test_random_signs_are_near_the_binomial_test(
    monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """18 up and 7 down: the sign test has 0.0433; both ways of drawing come near it."""
    monkeypatch.setattr(resampling, "_FEW", limit)
    assert p_of(np.asarray([1.0] * 18 + [-1.0] * 7)) == pytest.approx(0.0433, abs=0.006)


@pytest.mark.parametrize("limit", [0, 256])
@pytest.mark.parametrize("deltas", [HITS, REALS])
def test_resamples_have_the_mean_and_the_standard_error(
    monkeypatch: pytest.MonkeyPatch, limit: int, deltas: np.ndarray
) -> None:
    monkeypatch.setattr(resampling, "_FEW", limit)
    (found,) = bootstrap_means([deltas])
    error = deltas.std() / len(deltas) ** 0.5
    assert found.mean() == pytest.approx(deltas.mean(), abs=0.05 * error)
    assert found.std() == pytest.approx(error, rel=0.05)


def test_the_mirror_image_and_any_order() -> None:
    symmetric = np.asarray([1.0, 1.0, -1.0, -1.0, 0.0])
    for deltas in (HITS, REALS, symmetric):
        low, high = interval(*bootstrap_means([deltas]))
        assert interval(*bootstrap_means([-deltas])) == (-high, -low)
        assert interval(*bootstrap_means([deltas[::-1]])) == (low, high)
        assert p_of(deltas) == p_of(-deltas) == p_of(deltas[::-1])


def test_draws_of_two_tasks_are_independent() -> None:
    one, two = bootstrap_means([HITS, HITS])
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.05


def test_nothing_that_differs_has_no_width() -> None:
    assert interval(*bootstrap_means([np.zeros(7)])) == (0.0, 0.0)


def test_p_values_without_a_difference_are_uniform() -> None:
    """600 comparisons of two runs that are alike: as many below x as there should be, within 0.05.

    The distance of Kolmogorov and Smirnov exceeds 0.055 once in 20 such trials.
    """
    rng = np.random.default_rng(1)
    found = np.sort([p_of(rng.normal(0, 0.2, 12)) for _ in range(600)])
    assert np.abs(found - (np.arange(600) + 0.5) / 600).max() < 0.055


def test_holm_by_hand() -> None:
    assert holm([]) == []
    assert holm([0.04, 0.01, 0.03, 0.9]) == pytest.approx([0.09, 0.04, 0.09, 0.9])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
