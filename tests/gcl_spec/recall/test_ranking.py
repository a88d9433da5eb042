"""Ranking metrics against brute force over all orders of the ties."""

from itertools import pairwise, permutations
from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcl_spec.errors import InputError
from gcl_spec.recall import Band, Ranking

LEVELS = st.lists(
    st.tuples(st.sampled_from([-0.9, -0.5, -0.1]), st.booleans()), min_size=1, max_size=6
).filter(lambda found: any(relevant for _, relevant in found))


def metric(name: str, ranking: Ranking, k: int) -> Band:
    return ranking.mrr if name == "mrr" else getattr(ranking, name)(k)


def plain(name: str, relevant: list[bool], k: int) -> float:
    """The metric of one strict order, by its definition."""
    ranks = [r for r, hit in enumerate(relevant, 1) if hit]
    if name == "mrr":
        return 1 / ranks[0]
    within = [r for r in ranks if r <= k]
    if name == "hit":
        return float(bool(within))
    if name == "recall":
        return len(within) / len(ranks)
    ideal = sum(1 / log2(r + 1) for r in range(1, min(k, len(ranks)) + 1))
    return sum(1 / log2(r + 1) for r in within) / ideal


@pytest.mark.parametrize("name", ["hit", "recall", "ndcg", "mrr"])
@given(found=LEVELS, k=st.integers(1, 6))
def test_band_is_that_of_all_orders(name: str, found: list[tuple[float, bool]], k: int) -> None:
    orders = [
        plain(name, [relevant for _, relevant in order], k)
        for order in permutations(found)
        if all(a[0] >= b[0] for a, b in pairwise(order))
    ]
    scores = np.asarray([score for score, _ in found])
    relevant = np.asarray([hit for _, hit in found])
    band = metric(name, Ranking.of(scores, relevant, depth=k), k)
    assert band.pessimistic == pytest.approx(min(orders))
    assert band.expected == pytest.approx(np.mean(orders))
    assert band.optimistic == pytest.approx(max(orders))
    assert band.pessimistic <= band.expected <= band.optimistic


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_candidate_order_and_scale_do_not_matter(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    scores, relevant = rng.normal(size=12), rng.random(12) < 0.4
    relevant[0] = True
    order = rng.permutation(12)
    one = Ranking.of(scores, relevant, depth=k + 1)
    two = Ranking.of(scores[order] - 100, relevant[order], depth=k + 1)
    assert (one.hit(k), one.ndcg(k), one.mrr) == (two.hit(k), two.ndcg(k), two.mrr)
    assert one.hit(k).expected <= one.hit(k + 1).expected


def test_collapsed_model_gets_chance() -> None:
    """A well-known library gives 0 to 100 % here, by the order of the candidates."""
    relevant = np.arange(100) == 7
    band = Ranking.of(np.zeros(100), relevant, depth=10).hit(10)
    assert band == Band(0.0, pytest.approx(0.1), 1.0)


def test_negative_scores_count() -> None:
    """A well-known library drops every score below 0."""
    scores = np.asarray([-0.9, -0.2, -0.5])
    ranking = Ranking.of(scores, np.asarray([False, True, False]), depth=5)
    assert ranking.recall(5) == Band(1.0, 1.0, 1.0)
    assert ranking.mrr == Band(1.0, 1.0, 1.0)


def test_nonsense_is_refused() -> None:
    with pytest.raises(InputError, match="candidate 1 is nan"):
        Ranking.of(np.asarray([0.0, np.nan]), np.asarray([True, False]), depth=1)
    with pytest.raises(InputError, match="depth 1 does not know its first 2"):
        Ranking.of(np.zeros(3), np.ones(3, bool), depth=1).recall(2)
    with pytest.raises(InputError, match="no candidate is relevant"):
        Ranking.of(np.zeros(2), np.zeros(2, bool), depth=1)
