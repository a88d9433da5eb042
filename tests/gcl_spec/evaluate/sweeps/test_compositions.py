"""Laws of the pools of a sweep: their shares, and which concept stands as which modality."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gcl_spec.evaluate.sweeps.compositions import Composition, compositions

WEIGHTS = st.lists(st.integers(0, 10), min_size=2, max_size=4).filter(any)


def test_the_grid_has_corners_edges_centre_and_mixed_ones() -> None:
    names = [one.name for one in compositions(3)]
    assert len(names) == len(set(names)) == 67
    for name in ("100:0:0", "0:100:0", "0:50:50", "33:33:33", "70:20:10", "10:20:70"):
        assert name in names
    assert [one.name for one in compositions(2)][:2] == ["100:0", "90:10"]
    assert len(compositions(2)) == 11
    assert all(len(compositions(count)) < 80 for count in range(2, 9))


@given(WEIGHTS, st.integers(0, 500))
def test_a_pool_has_every_concept_once(weights: list[int], total: int) -> None:
    one = Composition(tuple(weights))
    counts = one.counts(total)
    assert sum(counts) == total
    for count, share in zip(counts, one.shares, strict=True):
        assert abs(count - total * share) < 1
        assert count == 0 or share > 0
    for kinds_N in one.draws(np.random.default_rng(0).permutation(total)):
        assert kinds_N.shape == (total,)
        assert [Counter(kinds_N.tolist())[m] for m in range(len(weights))] == list(counts)


@given(WEIGHTS, st.integers(1, 4), st.integers(0, 99))
def test_every_concept_has_each_modality_by_its_share(
    weights: list[int], times: int, seed: int
) -> None:
    """Over the draws of a composition, no concept stands as one modality more than another does."""
    one = Composition(tuple(weights))
    total = times * sum(weights)
    draws = np.stack(one.draws(np.random.default_rng(seed).permutation(total)))
    for m, share in enumerate(one.shares):
        assert np.allclose((draws == m).mean(axis=0), share)


def test_pools_are_drawn_by_the_order() -> None:
    one, orders = Composition((5, 5)), [np.random.default_rng(n).permutation(40) for n in (0, 0, 1)]
    first, same, other = (np.stack(one.draws(order_N)) for order_N in orders)
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)
    assert len(Composition((10, 0)).draws(orders[0])) == 1
