"""The best so far: ties go to the lower id in any order of offers, and those cut are counted."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gcl_spec.search.best import Best


@settings(max_examples=30)
@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3)), min_size=8, max_size=40),
    st.randoms(use_true_random=False),
)
def test_offers_in_any_order(k: int, scores: list[tuple[int, int]], random) -> None:
    offers = [(query, score, number) for number, (query, score) in enumerate(scores)]
    offers += [(query, 0, 100 + n) for query in (0, 1) for n in range(k)]
    random.shuffle(offers)
    best = Best(2, k)
    while offers:
        part, offers = offers[:5], offers[5:]
        query, score, number = (np.array(x) for x in zip(*part, strict=True))
        best.offer(query, score.astype(float), number)
    best.settle()
    every = [(q, s, n) for n, (q, s) in enumerate(scores)]
    every += [(q, 0, 100 + n) for q in (0, 1) for n in range(k)]
    for query in (0, 1):
        order = sorted((-s, n) for q, s, n in every if q == query)
        assert best.ids_QK[query].tolist() == [n for _, n in order[:k]]
        assert best.scores_QK[query].tolist() == [-s for s, _ in order[:k]]
        assert best.cut_Q[query] == sum(s == order[k - 1][0] for s, _ in order[k:])


def test_ties_with_the_last_one_are_not_kept() -> None:
    best = Best(1, 2)
    best.offer(np.zeros(2, int), np.ones(2), np.array([5, 6]))
    for start in range(10, 1000, 10):
        best.offer(np.zeros(10, int), np.ones(10), np.arange(start, start + 10))
    assert best._offers == []
    assert best.cut_Q.tolist() == [990]
