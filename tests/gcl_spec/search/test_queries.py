"""Queries: checked and scaled."""

import numpy as np
import pytest

from gcl_spec.errors import InputError, InputTypeError
from gcl_spec.search.queries import checked_queries, query_blocks


def test_blocks_are_scaled_to_one() -> None:
    queries = np.random.default_rng(0).standard_normal((7, 5))
    queries *= 10.0 ** np.arange(-9, 5, 2)[:, None]
    blocks = list(query_blocks(queries, 3))
    assert [len(block.queries_QD) for block in blocks] == [3, 3, 1]
    for block in blocks:
        largest = np.abs(block.scaled_QD).max(axis=1)
        assert np.all((largest >= 0.5) & (largest <= 1))
        again = np.ldexp(block.scaled_QD.astype(float), block.exponents_Q[:, None])
        assert np.allclose(again, block.queries_QD, rtol=1e-7)
        assert np.allclose(block.norms_Q, np.linalg.norm(block.queries_QD, axis=1))


def test_what_is_refused() -> None:
    _, some = checked_queries(np.array([[0.0, 1.0], [0.0, 0.0]]), 2)
    assert some.tolist() == [True, False]
    for bad in (np.nan, -np.inf, 1e300):
        with pytest.raises(InputError, match="query 1 holds NaN"):
            checked_queries(np.array([[0.0, 1.0], [bad, 0.0]]), 2)
    for shape in ((0, 2), (2,)):
        with pytest.raises(InputError, match="wanted one at least"):
            checked_queries(np.ones(shape), 2)
    with pytest.raises(InputTypeError, match="queries are int64"):
        checked_queries(np.ones((1, 2), np.int64), 2)
