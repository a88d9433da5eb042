"""The best rows are those of float64 scores, whatever float32 makes of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gcl_spec.index import best as best_module
from gcl_spec.index.best import best_rows, largest_norm
from gcl_spec.search import top_k


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 9), st.booleans())
def test_the_best_are_those_of_top_k(seed: int, count: int, k: int, half: bool) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(-2, 3, (count, 6)).astype(np.float16 if half else np.float32)
    rows += rng.normal(size=rows.shape).astype(rows.dtype) * np.asarray(1e-3, rows.dtype)
    query = rng.normal(size=6).astype(np.float32)
    keep = rng.random(count) < 0.7
    found = best_rows(query, rows, k, norm=largest_norm(rows))
    wanted = top_k(query[None], rows, k)
    np.testing.assert_array_equal(found.place_K, wanted.ids_QK[0])
    np.testing.assert_array_equal(found.score_K, wanted.scores_QK[0])
    kept = best_rows(query, rows, k, norm=largest_norm(rows), keep_C=keep)
    if keep.any():
        wanted = top_k(query[None], rows, k, ids=np.flatnonzero(keep))
        np.testing.assert_array_equal(kept.place_K, wanted.ids_QK[0])
    else:
        assert len(kept.place_K) == 0


def test_products_that_lie_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    # The scores differ by less than float32 can tell.
    base = np.full(64, 0.125, np.float32)
    rows = np.tile(base, (50, 1))
    rows[np.arange(50), np.arange(50)] += np.arange(50, dtype=np.float32) * np.float32(2e-8)
    monkeypatch.setattr(best_module, "_CHUNK", 7)
    found = best_rows(base, rows, 5, norm=largest_norm(rows))
    np.testing.assert_array_equal(found.place_K, top_k(base[None], rows, 5).ids_QK[0])


def test_equal_rows_come_by_id() -> None:
    rows, names = np.ones((4, 2), np.float32), ["d", "b", "c", "a"]
    found = best_rows(
        np.ones(2, np.float32), rows, 3, norm=2.0, ids=lambda n: [names[x] for x in n.tolist()]
    )
    assert [names[n] for n in found.place_K.tolist()] == ["a", "b", "c"]


def test_no_rows_and_a_norm() -> None:
    none = np.zeros((0, 3), np.float32)
    assert largest_norm(none) == 0
    assert len(best_rows(np.ones(3, np.float32), none, 2, norm=0.0).place_K) == 0
    assert largest_norm(np.asarray([[3, 4], [0, 1]], np.float16)) == pytest.approx(5, rel=1e-5)
