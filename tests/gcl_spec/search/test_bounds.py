"""The bounds hold, and are no larger than they must be."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gcl_spec.search.bounds import FLOAT32, block_errors, gamma, least_products, row_norm


@settings(max_examples=30)
@given(st.integers(0, 2**30), st.integers(1, 300))
def test_a_sum_in_any_order_is_within_the_bound(seed: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-1, 1, (2, width)).astype(np.float32)
    total = np.float32(0)
    for term in rng.permutation(x * y):
        total += term
    true = math.fsum(x.astype(float) * y.astype(float))
    sizes = np.linalg.norm(x.astype(float)), float(np.linalg.norm(y.astype(float)))
    least = least_products(np.array([true]), np.array([sizes[0]]), np.array([0]), sizes[1], width)
    assert least[0] <= total
    allowed = gamma(width + 2, FLOAT32) * sizes[0] * sizes[1]
    assert true - least[0] <= 1.001 * allowed + 2.0**-22 * abs(true)
    assert abs(math.fsum(x.astype(float) * y) - float(x.astype(float) @ y)) <= block_errors(
        np.array([sizes[0]]), sizes[1], width
    )


def test_norms_are_upper_bounds() -> None:
    rows = np.random.default_rng(0).standard_normal((50, 300)).astype(np.float32)
    true = np.linalg.norm(rows.astype(float), axis=1).max()
    assert true <= row_norm(np.vecdot(rows, rows), 300) <= 1.001 * true
    assert row_norm(np.zeros(3), 4) == 0


def test_powers_of_two_move_the_threshold_and_never_make_nan() -> None:
    floor, one = np.array([3.0, -3.0, 1e300, -1e300]), np.ones(4)
    at_0 = least_products(floor[:2], one[:2], np.array([0, 0]), 1.0, 8)
    at_2 = least_products(floor[:2] * 4, one[:2], np.array([2, 2]), 1.0, 8)
    assert np.array_equal(at_0, at_2)
    assert np.all(at_0 < floor[:2])
    far = least_products(floor, one, np.array([-1000, -1000, -1000, 1000]), 1.0, 8)
    assert not np.isnan(far).any()
    assert np.all(least_products(floor, one, np.zeros(4, int), 1.0, 2**24) == -np.inf)
    assert gamma(2**24, FLOAT32) == math.inf
