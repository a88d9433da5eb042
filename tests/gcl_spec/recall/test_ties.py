"""Closed forms of ties against exact fractions."""

from fractions import Fraction
from math import comb, log2

import numpy as np
import pytest

from gcl_spec.recall import ties
from gcl_spec.recall.ties import (
    discount_tables,
    harmonic_difference,
    mean_precisions,
    mean_reciprocal,
    missed,
    table_values,
)

TIES = [(b, n) for b in (0, 1, 7, 40, 10_000) for n in (1, 2, 5, 16, 17, 60)]


def one(x: float, dtype: type = np.float64) -> np.ndarray:
    return np.asarray([float(x)], dtype)


@pytest.mark.parametrize(("dtype", "error"), [(np.float64, 3e-15), (np.float32, 2e-6)])
def test_sums_of_reciprocals(dtype: type, error: float) -> None:
    for b, n in TIES:
        exact = float(sum(Fraction(1, b + x) for x in range(1, n + 1)))
        found = harmonic_difference(one(b, dtype), one(n, dtype), np)[0]
        assert found == pytest.approx(exact, rel=error), (b, n)


@pytest.mark.parametrize("block", [2**20, 7])
def test_the_mean_reciprocal_rank(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(ties, "_BLOCK", block)
    for b, n in TIES:
        for r in {1, min(2, n), n // 2 + 1, n}:
            chances = [Fraction(comb(n - x, r - 1), comb(n, r)) for x in range(1, n - r + 2)]
            exact = float(sum(p / (b + x) for x, p in enumerate(chances, start=1)))
            found = mean_reciprocal(one(b), one(n), one(r), b + n, np)[0]
            assert found == pytest.approx(exact, rel=3e-15), (b, n, r)


def test_the_mean_precision() -> None:
    for b, n in TIES:
        for v, r in {(0, 1), (b, n), (b // 2, (n + 1) // 2)}:
            q = Fraction(r - 1, max(1, n - 1))
            exact = float(sum((v + 1 + (x - 1) * q) / (b + x) for x in range(1, n + 1)) / n)
            found = mean_precisions(one(b), one(n), one(v), one(r), np)[0]
            assert found == pytest.approx(exact, rel=1e-13, abs=1e-15), (b, n, v, r)


def test_the_chance_of_a_miss() -> None:
    for b, n, r, k in ((0, 5, 2, 2), (3, 5, 2, 4), (3, 5, 5, 4), (3, 5, 1, 2), (0, 5, 2, 9)):
        places = max(0, min(k - b, n))
        exact = comb(n - r, places) / comb(n, places)
        assert missed(one(b), one(n), one(r), k, 6, np)[0] == pytest.approx(exact)


def test_differences_of_discounts_keep_their_digits() -> None:
    """A sum of many discounts in float32 would hide one of them."""
    discounts, high, low = discount_tables(100_000, "float32")
    assert discounts[[0, 1, 3, -1]].tolist() == [0, 1, 0.5, 0]
    places = np.asarray([[99_998, 99_999]])
    (first, last), (rest, more) = (
        table_values(table, places, high, np)[0] for table in (high, low)
    )
    assert (last - first) + (more - rest) == pytest.approx(1 / log2(100_000), rel=1e-6)
