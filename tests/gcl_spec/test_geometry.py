"""Figures of an embedding space, against spaces whose figures are known."""

import numpy as np
import pytest

from gcl_spec.geometry import (
    anisotropy,
    centroid_distance,
    effective_rank,
    mean_cosine,
    modality_gap,
    norm_imbalance,
    paired_distance,
)


def test_norm_imbalance_is_a_ratio_of_mean_norms() -> None:
    x, y = np.diag([2.0, 6.0]), np.diag([0.25, 0.75])
    assert norm_imbalance(x, y) == pytest.approx(8.0)
    assert norm_imbalance(y, x) == pytest.approx(0.125)


def test_a_gap_is_the_distance_and_the_cosine_of_means() -> None:
    x, y = np.asarray([[1.0, 0.0], [0.0, 1.0]]), np.asarray([[1.0, 0.0], [1.0, 0.0]])
    assert centroid_distance(x, y) == pytest.approx(2**-0.5)
    assert mean_cosine(x, y) == pytest.approx(2**-0.5)
    assert mean_cosine(x, np.asarray([[1.0, 0.0], [-1.0, 0.0]])) == 0.0, "a mean of nothing"
    moved = x + 3.0
    assert centroid_distance(x, moved) == pytest.approx(3 * 2**0.5)


@pytest.mark.parametrize("shape", [(40, 6), (6, 40)])
def test_the_effective_rank_is_that_of_the_singular_values(shape: tuple[int, int]) -> None:
    x = np.random.default_rng(0).normal(size=shape) * np.linspace(0.1, 3, shape[1])
    values = np.linalg.svd(x, compute_uv=False)
    share = values / values.sum()
    assert effective_rank(x) == pytest.approx(np.exp(-(share * np.log(share)).sum()))
    assert effective_rank(np.ones((5, 3))) == pytest.approx(1.0)


def test_anisotropy_is_the_mean_cosine_of_all_pairs() -> None:
    x = np.random.default_rng(1).normal(size=(7, 4))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    pairs = [unit[i] @ unit[j] for i in range(7) for j in range(7) if i != j]
    assert anisotropy(x) == pytest.approx(np.mean(pairs))
    assert anisotropy(np.ones((4, 3))) == pytest.approx(1.0)
    assert anisotropy(np.ones((1, 3))) == 1.0


def test_a_paired_distance_is_that_of_the_same_samples() -> None:
    x = np.eye(3)
    assert paired_distance(x, x) == 0.0
    assert paired_distance(x, x[::-1]) == pytest.approx(2 / 3 * 2**0.5)


def test_the_gap_of_modalities_that_are_there() -> None:
    image = np.asarray([[1.0, 0.0], [0.0, 1.0], [9.0, 9.0]])
    text = np.asarray([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    here = {"image": np.asarray([True, True, False])}
    found = modality_gap(image, text, here)
    assert float(found["distance"]) == pytest.approx(2**-0.5)
    assert float(found["cosine"]) == pytest.approx(2**-0.5)
    nobody = modality_gap(image, text, {"text": np.zeros(3, bool)})
    assert {float(x) for x in nobody.values()} == {0.0}
