"""Scores of bits, and those of a second look."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gcl_spec.errors import InputError
from gcl_spec.search import exact
from gcl_spec.search.bit_scores import HammingScores, RescoredScores
from gcl_spec.search.bits import from_bits, to_bits
from gcl_spec.search.scores import Scores

NONE = np.zeros((0, 2), np.int64)
seeds = st.integers(0, 2**32 - 1)


def drawn(seed: int, count: int, width: int) -> Any:
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)


def every(scores: Scores, queries: int, left_out: Any = NONE) -> Any:
    """All scores, which also are those that pairs are given."""
    count = len(scores)
    pairs = np.argwhere(np.ones((queries, count), bool))
    alone, chunks = scores.of(slice(0, queries), pairs, left_out)
    whole = np.concatenate([x for _, x in chunks], axis=1)
    assert np.array_equal(alone, whole.ravel())
    return whole


def rescored(q: Any, z: Any, most: int, rows: Any = None) -> RescoredScores:
    return RescoredScores(q, to_bits(q), to_bits(z), rows, most=most)


@pytest.mark.parametrize("width", [5, 16])
def test_hamming_scores_are_shares_of_bits(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    z, q = drawn(0, 30, width), drawn(1, 4, width)
    scores = HammingScores(to_bits(q), to_bits(z), width)
    want = np.sign(q) @ np.sign(z).T / width
    np.testing.assert_allclose(every(scores, 4), want, atol=1e-12)
    monkeypatch.setattr(exact, "_CHUNK_BYTES", 1)
    np.testing.assert_allclose(every(scores, 4), want, atol=1e-12)
    np.testing.assert_allclose(scores.of(slice(2, 3), NONE, NONE)[1].__next__()[1], want[2:3, :1])


@given(seeds, st.integers(1, 40))
@settings(max_examples=20)
def test_only_the_nearest_are_looked_at_again(seed: int, most: int) -> None:
    z, q = drawn(seed, 25, 9), drawn(seed + 1, 3, 9)
    rows = drawn(seed + 2, 25, 9) * 7  # another order than that of the bits
    scores = rescored(q, z, most, rows)
    found = every(scores, 3)
    near = np.sign(q) @ np.sign(z).T
    for n in range(3):
        last = np.sort(near[n])[-min(most, 25)]
        first = near[n] >= last
        assert scores.looked_at_Q[n] == first.sum() >= min(most, 25)
        np.testing.assert_allclose(found[n, first], (q @ rows.T)[n, first], rtol=1e-5, atol=1e-5)
        if not first.all():
            assert found[n, ~first].max() < found[n, first].min()
            pairs = found[n, ~first], near[n, ~first]
            order, want = (np.sign(x[:, None] - x[None]).round() for x in pairs)
            assert np.array_equal(np.where(want, order, 0), want)


@given(seeds)
@settings(max_examples=10)
def test_a_second_look_at_all_is_the_order_of_products(seed: int) -> None:
    z, q = drawn(seed, 20, 16), drawn(seed + 1, 3, 16)
    want = q @ from_bits(to_bits(z), 16).T / 4
    for most in (20, 1000):
        np.testing.assert_allclose(every(rescored(q, z, most), 3), want, atol=1e-5)


@given(seeds)
@settings(max_examples=10)
def test_the_order_of_candidates_changes_nothing(seed: int) -> None:
    z, q = drawn(seed, 30, 6), drawn(seed + 1, 3, 6)
    order = np.random.default_rng(seed).permutation(30)
    kinds: list[Callable[[Any], Scores]] = [
        lambda z: HammingScores(to_bits(q), to_bits(z), 6),
        lambda z: rescored(q, z, 4),
        lambda z: rescored(q, z, 4, z),
    ]
    for make in kinds:
        mixed = every(make(z[order]), 3)
        np.testing.assert_allclose(mixed, every(make(z), 3)[:, order], atol=1e-12)


def test_what_is_left_out_takes_no_place() -> None:
    z, q = drawn(3, 12, 32), drawn(4, 2, 32)
    near = np.sign(q) @ np.sign(z).T
    best = np.argsort(-near, axis=1, kind="stable")[:, :3]
    pairs = np.asarray([(n, one) for n in range(2) for one in best[n]])
    matrix = np.zeros((2, 12), bool)
    matrix[tuple(pairs.T)] = True
    for left_out in (pairs, matrix):
        scores = rescored(q, z, 4)
        found = np.where(matrix, -np.inf, every(scores, 2, left_out))
        for n in range(2):
            kept = np.flatnonzero(~matrix[n])
            alone = every(rescored(q[[n]], z[kept], 4), 1)
            np.testing.assert_allclose(found[n, kept], alone[0], atol=1e-6)
    few = np.ones((2, 12), bool)
    few[:, 5] = False
    scores = rescored(q, z, 4)
    every(scores, 2, few)
    assert scores.looked_at_Q.tolist() == [1, 1]


def test_none_to_look_at_is_refused() -> None:
    with pytest.raises(InputError, match="0 candidates are to be looked at again"):
        rescored(drawn(0, 2, 8), drawn(1, 3, 8), 0)
