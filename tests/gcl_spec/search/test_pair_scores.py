"""Scores of pairs are those of the pair alone."""

import math

import numpy as np

from gcl_spec.search import pair_scores as module
from gcl_spec.search.pair_scores import pair_scores


def test_a_pair_has_its_score_in_any_company(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    for width in (1, 2, 7, 96):
        queries, rows = rng.standard_normal((2, 20, width)).astype(np.float32)
        query, row = rng.integers(0, 20, (2, 300))
        scores = pair_scores(queries, rows, query, row)
        alone = [pair_scores(queries, rows, query[n : n + 1], row[n : n + 1]) for n in range(300)]
        assert np.array_equal(scores, np.concatenate(alone))
        monkeypatch.setattr(module, "_SLICE_BYTES", 1000)
        assert np.array_equal(scores, pair_scores(queries, rows, query, row))
        true = [
            math.fsum(queries[q].astype(float) * rows[r]) for q, r in zip(query, row, strict=True)
        ]
        assert np.allclose(scores, true, rtol=1e-13, atol=1e-14)


def test_zero_has_one_sign() -> None:
    one = np.zeros(1, int)
    score = pair_scores(np.array([[-1.0]]), np.array([[0.0]]), one, one)
    assert not np.signbit(score[0])
    assert pair_scores(np.empty((1, 0)), np.empty((1, 0)), one, one).tolist() == [0.0]
