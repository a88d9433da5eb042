"""All scores, in chunks."""

import numpy as np
import pytest

from gcl_spec.errors import InputError
from gcl_spec.search import exact


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    queries, candidates = rng.normal(size=(17, 8)), rng.normal(size=(40, 8))
    monkeypatch.setattr(exact, "_CHUNK_BYTES", 3 * 8 * 40)
    found = list(exact.score_chunks(queries, candidates))
    assert len(found) == 6
    assert np.allclose(np.concatenate([scores for _, scores in found]), queries @ candidates.T)


def test_widths_must_match() -> None:
    with pytest.raises(InputError, match="3 wide, candidates 2"):
        next(exact.score_chunks(np.ones((1, 3)), np.ones((4, 2))))
