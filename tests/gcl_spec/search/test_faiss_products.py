"""Products by faiss, through a stand-in with the one call that is used; its ids come unsorted."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from brute_force import assert_same, brute_force
from gcl_spec.errors import MissingFrameworkError
from gcl_spec.search import top_k
from gcl_spec.search.faiss_products import FaissMultiplier


def knn(queries, rows, k, *, metric):
    assert metric == "inner product"
    scores = queries @ rows.T
    numbers = np.argsort(-scores, axis=1)[:, :k]
    return np.take_along_axis(scores, numbers, axis=1), numbers


FAISS = SimpleNamespace(knn=knn, METRIC_INNER_PRODUCT="inner product")


def test_more_are_asked_for_until_all_are_there() -> None:
    rng = np.random.default_rng(0)
    queries, rows = rng.standard_normal((4, 3)), rng.standard_normal((900, 3))
    queries, rows = queries.astype(np.float32), rows.astype(np.float32)
    products = FaissMultiplier(FAISS).products([queries], rows=900, device=None)
    products.take(rows)
    least = np.array([-np.inf, 9, 0.5, 2], np.float32)
    wanted = np.flatnonzero(products.product(0) >= least[:, None])
    assert np.array_equal(products.at_least(0, least), wanted)


def test_a_search() -> None:
    rng = np.random.default_rng(1)
    queries, rows = (np.round(rng.standard_normal((n, 4)) * 2) for n in (5, 2000))
    found = top_k(queries, rows, 7, backend=FaissMultiplier(FAISS), rows=300)
    assert_same(found, brute_force(queries, rows, 7))


def test_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingFrameworkError, match="pip install faiss-cpu"):
        top_k(np.ones((1, 2)), np.ones((1, 2)), 1, backend="faiss")
