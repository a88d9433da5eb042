"""Counts of higher and equal scores, by comparison and by search."""

import numpy as np
import pytest

from gcl_spec.recall import counts
from gcl_spec.recall.chosen import Layout
from gcl_spec.recall.counts import count, count_but, gathered

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("compared", "block"), [(32, 2**22), (32, 1), (0, 1)])
@pytest.mark.parametrize("candidates", [1, 2, 7, 8, 33])
def test_counts_by_every_way(
    monkeypatch: pytest.MonkeyPatch, compared: int, block: int, candidates: int
) -> None:
    monkeypatch.setattr(counts, "_COMPARED", compared)
    monkeypatch.setattr(counts, "_BLOCK", block)
    scores = RNG.integers(0, 4, (3, candidates)).astype(float)
    scores[RNG.random(scores.shape) < 0.2] = -np.inf
    references = RNG.integers(-1, 5, (3, 5)).astype(float)
    higher, equal = count(references, scores, np)
    np.testing.assert_array_equal(higher, (scores[:, None] > references[..., None]).sum(axis=-1))
    np.testing.assert_array_equal(equal, (scores[:, None] == references[..., None]).sum(axis=-1))


def test_excluded_candidates_are_not_counted() -> None:
    scores = RNG.integers(0, 3, (2, 6)).astype(float)
    references = np.asarray([[1.0], [1.0]])
    excluded = Layout(np.asarray([[0, 4], [7, 2]]), np.asarray([[True, True], [True, False]]))
    kept = np.ones((2, 10), bool)
    kept[0, [0, 4]] = kept[1, 7] = False
    for start in (0, 4):
        higher, equal = count_but(references, scores, excluded, np, start=start)
        part = kept[:, start : start + 6]
        assert higher[:, 0].tolist() == ((scores > 1) & part).sum(axis=1).tolist()
        assert equal[:, 0].tolist() == ((scores == 1) & part).sum(axis=1).tolist()


def test_gathered_scores() -> None:
    chosen = Layout(np.asarray([[2, 0]]), np.asarray([[True, False]]))
    assert gathered(np.asarray([[1.0, 2.0, 3.0]]), chosen, np).tolist() == [[3.0, -np.inf]]
