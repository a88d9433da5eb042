"""Exact search."""

import numpy as np
import pytest

from gcl_spec.errors import InputError
from gcl_spec.search import exact


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    queries, candidates = rng.normal(size=(17, 8)), rng.normal(size=(40, 8))
    numbers, scores = exact.top_k(queries, candidates, 5)
    monkeypatch.setattr(exact, "_CHUNK_BYTES", 3 * 8 * 40)
    assert len(list(exact.score_chunks(queries, candidates))) == 6
    again, _ = exact.top_k(queries, candidates, 5)
    assert np.array_equal(numbers, again)
    full = queries @ candidates.T
    assert np.allclose(scores, -np.sort(-full, axis=1)[:, :5])


def test_ties_go_to_the_lower_number() -> None:
    numbers, _ = exact.top_k(np.ones((1, 2)), np.ones((4, 2)), 3)
    assert numbers.tolist() == [[0, 1, 2]]


def test_widths_must_match() -> None:
    with pytest.raises(InputError, match="3 wide, candidates 2"):
        exact.top_k(np.ones((1, 3)), np.ones((4, 2)), 1)
