"""Where many pairs pass, few are scored, and the results are those of all of them."""

import numpy as np
import pytest

from gcl_spec.search import candidates
from gcl_spec.search.best import Best
from gcl_spec.search.candidates import Pairs, offer_all, offer_places


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pairs were scored, call by call."""
    counts: list[int] = []
    scores = candidates.pair_scores

    def counted(queries, rows, query, row):
        counts.append(len(query))
        return scores(queries, rows, query, row)

    monkeypatch.setattr(candidates, "pair_scores", counted)
    return counts


def pairs_of(queries, rows) -> Pairs:
    norms = np.linalg.norm(queries.astype(float), axis=1)
    norm = float(np.linalg.norm(rows.astype(float), axis=1).max())
    return Pairs(queries, norms, rows, norm, np.arange(len(rows)))


def test_equal_rows_are_scored_once(scored: list[int]) -> None:
    kinds = np.random.default_rng(0).standard_normal((3, 8)).astype(np.float32)
    best = Best(5, 2)
    rows = np.tile(kinds, (400, 1))
    offer_all(best, pairs_of(kinds[[0, 1, 2, 0, 1]], rows), 6000)
    best.settle()
    assert sum(scored) <= 15
    assert best.ids_QK.tolist() == [[0, 3], [1, 4], [2, 5], [0, 3], [1, 4]]
    assert best.cut_Q.tolist() == [398] * 5


def test_a_float64_product_leaves_out_nearly_all(scored: list[int]) -> None:
    rng = np.random.default_rng(0)
    queries = rng.standard_normal((20, 16)).astype(np.float32)
    rows = (1 + 1e-6 * rng.standard_normal((3000, 16))).astype(np.float32)
    pairs, best = pairs_of(queries, rows), Best(20, 3)
    offer_places(best, np.arange(20 * 3000), pairs, 20 * 1000)
    best.settle()
    assert sum(scored) < 20 * 3 * 10
    scores = queries.astype(float) @ rows.astype(float).T
    assert np.array_equal(best.ids_QK, np.argsort(-scores, axis=1, kind="stable")[:, :3])


def test_few_places_are_scored_one_by_one(scored: list[int]) -> None:
    best = Best(2, 1)
    rows = np.arange(12, dtype=np.float32).reshape(6, 2)
    pairs = pairs_of(np.ones((2, 2), np.float32), rows)
    offer_places(best, np.array([2, 6 + 4]), pairs, 100)
    assert scored == [2]
    assert best.ids_QK.tolist() == [[2], [4]]
    offer_places(best, np.empty(0, int), pairs, 100)
    assert scored == [2]
