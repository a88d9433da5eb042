"""Logarithms of sums of exponentials as two numbers, against sums that need no care."""

from functools import partial

import numpy as np
import pytest

from gcl_spec.loss.tiled.log_sums import LogSums, log2_sum, log_add, log_sum_over

X = LogSums(np.asarray([3.0, -2.0, 700.0, -np.inf, 1.0]), np.asarray([0.5, 0.0, 1.5, -np.inf, 2.0]))
Y = LogSums(
    np.asarray([1.0, -2.0, -9e3, 2.0, -np.inf]), np.asarray([0.0, 1.0, 0.25, 0.75, -np.inf])
)
NOTHING = LogSums(np.full(5, -np.inf), np.full(5, -np.inf))


def values(x: LogSums) -> np.ndarray:
    with np.errstate(under="ignore"):
        return np.exp2(x.top + x.rest)


def test_a_logarithm_of_nothing_is_minus_infinity() -> None:
    found = log2_sum(np.asarray([8.0, 0.25, 1.0, 0.0]), np)
    assert found.tolist() == [3.0, -2.0, 0.0, -np.inf]


@pytest.mark.parametrize(("x", "y"), [(X, Y), (Y, X)])
def test_a_sum_of_two(x: LogSums, y: LogSums) -> None:
    found = log_add(x, y, np)
    np.testing.assert_allclose(values(found), values(x) + values(y), rtol=1e-12)
    assert found.top.tolist() == np.maximum(x.top, y.top).tolist(), "the largest term"


def test_an_empty_sum_adds_nothing() -> None:
    for found in (log_add(X, NOTHING, np), log_add(NOTHING, X, np)):
        np.testing.assert_array_equal(found.top, X.top)
        np.testing.assert_allclose(found.rest, X.rest)
    both = log_add(NOTHING, NOTHING, np)
    assert (both.top == -np.inf).all()
    assert (both.rest == -np.inf).all()


def test_large_logits_keep_the_digits_of_the_rest() -> None:
    """Near 1e12, a float64 has no digits left for a rest of 1e-5."""
    x = LogSums(np.asarray([1e12]), np.asarray([1e-5]))
    found = log_add(x, LogSums(np.asarray([1e12 - 60]), np.asarray([0.0])), np)
    assert found.top.tolist() == [1e12]
    assert found.rest[0] == pytest.approx(1e-5, rel=1e-9)


def test_sums_of_processes() -> None:
    parts = [X, Y, NOTHING, Y]
    tops = np.stack([part.top for part in parts])
    sent: list[np.ndarray] = []

    def total(shares: list[np.ndarray], own: np.ndarray) -> np.ndarray:
        shares.append(own)
        return own

    for part in parts:  # what each sends
        log_sum_over(part, lambda _: tops.max(0), partial(total, sent), np)
    for part in parts:
        found = log_sum_over(part, lambda _: tops.max(0), lambda _: np.sum(sent, axis=0), np)
        np.testing.assert_allclose(values(found), sum(map(values, parts)), rtol=1e-12)
        assert found.top.tolist() == tops.max(0).tolist()
