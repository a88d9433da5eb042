"""The loops' metrics against numbers worked out by hand, and their orders against all of them."""

from collections import Counter
from itertools import pairwise, permutations
from math import isnan, log2

import pytest

from gcl_reference.recall import band, orders, value

RANKED = [False, True, False, True, True]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("hit@1", 0.0),
        ("hit@2", 1.0),
        ("recall@2", 1 / 3),
        ("recall@9", 1.0),
        ("ndcg@2", (1 / log2(3)) / (1 + 1 / log2(3))),
        ("mrr", 1 / 2),
        ("average precision", (1 / 2 + 2 / 4 + 3 / 5) / 3),
    ],
)
def test_metrics_of_one_ranking(name: str, wanted: float) -> None:
    assert value(name, RANKED) == pytest.approx(wanted)


def test_orders_are_those_of_the_candidates() -> None:
    pool = [(1, True), (0, True), (1, False), (0, False), (1, True), (2, False)]
    every = Counter(
        tuple(relevant for _, relevant in order)
        for order in permutations(pool)
        if all(a[0] >= b[0] for a, b in pairwise(order))
    )
    found = Counter(tuple(order) for order in orders(pool))
    assert found.keys() == every.keys()
    assert len({every[order] / found[order] for order in found}) == 1, "all are equally likely"


def test_bands() -> None:
    scores, relevant = [0.5, 0.9, 0.5, 0.5], [True, False, False, False]
    nothing = [False] * 4
    assert band("mrr", scores, relevant, nothing) == pytest.approx(
        (1 / 4, (1 / 2 + 1 / 3 + 1 / 4) / 3, 1 / 2)
    )
    assert band("mrr", scores, relevant, [True, True, False, True]) == (0.5, 0.75, 1.0)
    assert all(map(isnan, band("mrr", scores, nothing, nothing)))
    unknown = [0.5, float("nan"), 0.5, 0.5]
    assert all(map(isnan, band("mrr", unknown, relevant, nothing)))
    assert band("mrr", unknown, relevant, [False, True, False, False])[2] == 1.0
    with pytest.raises(ValueError, match="no metric 'map'"):
        band("map", scores, relevant, nothing)
