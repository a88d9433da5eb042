"""Inner products as a ranking asks for them."""

import numpy as np
import pytest

from gcl_spec.errors import InputError
from gcl_spec.search.scores import InnerProducts

PAIRS = np.asarray([(0, 2), (1, 0)])
NONE = np.zeros((0, 2), np.int64)


def test_pairs_and_chunks_are_of_the_slice() -> None:
    rng = np.random.default_rng(0)
    queries, rows = (rng.normal(size=(n, 4)).astype(np.float32) for n in (5, 3))
    scores = InnerProducts(queries, rows)
    pairs, chunks = scores.of(slice(2, 4), PAIRS, NONE)
    want = queries[2:4].astype(float) @ rows.astype(float).T
    np.testing.assert_allclose(np.concatenate([x for _, x in chunks], axis=1), want)
    np.testing.assert_allclose(pairs, [want[0, 2], want[1, 0]])
    assert (len(scores), scores.whole) == (3, False)


def test_widths_that_differ_are_refused() -> None:
    with pytest.raises(InputError, match="queries are 4 wide, candidates 3"):
        InnerProducts(np.ones((1, 4)), np.ones((3, 3))).of(slice(0, 1), PAIRS[:1], NONE)
