"""All scores, in chunks."""

import numpy as np
import pytest

from gcl_spec.errors import InputError
from gcl_spec.search import exact


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    queries, candidates = rng.normal(size=(17, 8)), rng.normal(size=(40, 8))
    monkeypatch.setattr(exact, "_CHUNK_BYTES", 7 * 8 * 17)
    found = list(exact.score_chunks(queries, candidates))
    assert len(found) == 6
    assert [part.start for part, _ in found] == list(range(0, 40, 7))
    whole = np.concatenate([scores for _, scores in found], axis=1)
    assert np.allclose(whole, queries @ candidates.T)
    ((_, scores),) = exact.score_chunks(queries[:2].astype(np.float32), candidates[:3])
    assert scores.dtype == np.float64


def test_widths_must_match() -> None:
    with pytest.raises(InputError, match="3 wide, candidates 2"):
        exact.score_chunks(np.ones((1, 3)), np.ones((4, 2)))
