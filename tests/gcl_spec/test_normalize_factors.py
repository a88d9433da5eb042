"""Norms of rows and factors of sums of them, for numbers of any size."""

from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcl_spec.normalize import inverse_norm, l2_normalize, largest_mix, power_of_two, row_norms

DTYPES = ("float16", "float32", "float64")
WIDE = np.longdouble  # more range and digits than what is tested


def rows(seed: int, exponent: int, dtype: str, count: int = 6) -> np.ndarray:
    """Rows (count, 5) whose numbers are near 2 ** exponent; the second row is zero."""
    drawn = np.random.default_rng(seed).uniform(0.5, 2, size=(count, 5))
    signs = np.where(np.arange(5) % 2, -1, 1)
    found = np.asarray(np.ldexp(drawn * signs, exponent), dtype)
    found[1] = 0
    return found


def exponents(dtype: str) -> st.SearchStrategy[int]:
    """Those of normal numbers, but for the largest, for which a norm of five overflows."""
    info = np.finfo(dtype)
    return st.integers(info.minexp + 2, info.maxexp - 3)


def exact(x: np.ndarray) -> np.ndarray:
    return np.sqrt(np.sum(x.astype(WIDE) ** 2, axis=-1))


@given(st.data(), st.integers(0, 2**31), st.sampled_from(DTYPES))
def test_norms_are_right_wherever_the_dtype_holds_them(
    data: st.DataObject, seed: int, dtype: str
) -> None:
    x = rows(seed, data.draw(exponents(dtype)), dtype)
    found = row_norms(x)
    assert found.shape == (6,)
    assert found.dtype == ("float64" if dtype == "float64" else "float32")
    assert found[1] == 0
    np.testing.assert_allclose(found.astype(WIDE), exact(x), rtol=8 * np.finfo(found.dtype).eps)


def test_each_row_has_its_own_norm_along_the_last_axis() -> None:
    x = np.asarray([[[3.0, 4.0, 0.0], [0.0, 0.0, 1e-300]], [[1e300, 0.0, 0.0], [0.0, 0.0, 0.0]]])
    np.testing.assert_array_equal(row_norms(x), [[5.0, 1e-300], [1e300, 0.0]])
    np.testing.assert_array_equal(row_norms(x[:, :, 0]), [3.0, 1e300])


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_largest_numbers(dtype: str) -> None:
    largest = np.finfo(dtype).max
    x = np.asarray([[largest, 0], [largest / 2, largest / 2]], dtype)
    np.testing.assert_allclose(row_norms(x), exact(x), rtol=1e-6)
    np.testing.assert_allclose(l2_normalize(x), [[1, 0], [0.5**0.5] * 2], rtol=1e-3)
    if dtype != "float16":
        wide = np.full((2, 400), largest / 32, dtype)
        np.testing.assert_allclose(l2_normalize(wide), np.full((2, 400), 0.05), rtol=1e-6)


def test_what_is_not_a_number_stays_so() -> None:
    x = np.asarray([[np.nan, 0.0], [1.0, 0.0]])
    assert row_norms(x)[1] == 1
    assert np.isnan(row_norms(x)[0])


@given(st.data(), st.integers(0, 2**31), st.sampled_from(("float32", "float64")))
def test_the_factor_makes_the_sum_a_unit_row(data: st.DataObject, seed: int, dtype: str) -> None:
    exponent = data.draw(exponents(dtype))
    a, b = rows(seed, exponent, dtype), rows(seed + 1, exponent, dtype)
    info = np.finfo(dtype)
    total = a.astype(WIDE) + b.astype(WIDE)
    # The factor itself must be a number of the dtype: it is the largest one where a sum is zero.
    wanted = np.minimum(1 / np.where(exact(total) > 0, exact(total), 1), WIDE(info.max))
    found = inverse_norm(a, b, np)
    assert found.shape == (6,)
    assert found[1] == info.max
    np.testing.assert_allclose(np.delete(found, 1), np.delete(wanted, 1), rtol=64 * info.eps)


def test_rows_that_cancel_have_the_largest_factor() -> None:
    a = np.asarray([[1.0, -2.0], [1e-200, 0.0]])
    np.testing.assert_array_equal(inverse_norm(a, -a, np), [np.finfo(float).max] * 2)


@given(st.data(), st.sampled_from(("float32", "float64")))
def test_a_power_of_2_keeps_squares_in_range(data: st.DataObject, dtype: str) -> None:
    info = np.finfo(dtype)
    exponent = data.draw(st.integers(info.minexp + 2, info.maxexp - 1))
    x = rows(0, exponent - 1, dtype)
    power = power_of_two(x, np)
    assert power.shape == (6, 1)
    assert power[1] == 1
    assert np.array_equal(np.frexp(power)[0], np.full((6, 1), 0.5)), "not powers of 2"
    squares = (x * power)[0].astype(WIDE) ** 2
    # Products of 2 ** 16 such rows' numbers neither overflow nor lose digits.
    assert squares.max() * 2**16 < info.max
    assert squares.min() * 2.0**-16 > info.smallest_normal
    if abs(exponent) < -info.minexp // 8 - 2:
        assert (power == 1).all(), "numbers of the usual size are left alone"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_above_the_largest_mix_products_of_parts_underflow(dtype: str) -> None:
    # A factor w comes of parts of norm 1 / w, whose products are near 1 / w ** 2: these must have
    # all digits of the dtype, and 13 bits of room, above its smallest normal number.
    info = np.finfo(dtype)
    mix = largest_mix(np.dtype(dtype), np)
    assert log2(mix) == int(log2(mix))
    smallest = mix**-2.0 * float(info.eps) / 2**13
    assert smallest >= float(info.smallest_normal) / 2**26
    assert smallest < float(info.smallest_normal) * 4


@pytest.mark.parametrize(
    ("largest", "exponent"),
    [
        (0.0, 0), (2.0**-126, 108), (2.0**-79, 108), (2.0**-78, 63), (2.0**-16, 63),
        (2.0**-15, 0), (1.0, 0), (2.0**15, 0), (2.0**16, -63), (2.0**78, -63), (2.0**79, -108),
    ],
)  # fmt: skip
def test_the_power_of_each_size(largest: float, exponent: int) -> None:
    """In float32; what a bound itself has is that of usual numbers."""
    rows = np.asarray([[largest, -largest / 2], [1.0, 1.0]], np.float32)
    assert power_of_two(rows, np).tolist() == [[2.0**exponent], [1.0]]
