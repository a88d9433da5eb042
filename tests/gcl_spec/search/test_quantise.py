"""Rows that are cut, and rows of 8 bits."""

from typing import Any

import array_api_strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gcl_spec.errors import InputError, InputTypeError
from gcl_spec.normalize import l2_normalize
from gcl_spec.search.quantise import cut, from_int8, int8_ranges, quantise_int8

seeds = st.integers(0, 2**32 - 1)
EPS = float(np.finfo(np.float32).eps)


def rows(seed: int, count: int = 30, width: int = 12) -> Any:
    """Unit rows of a common direction, and of spreads that differ by dimension."""
    rng = np.random.default_rng(seed)
    spread = 10.0 ** rng.integers(-4, 1, width)
    return l2_normalize(rng.normal(size=width) + spread * rng.normal(size=(count, width))).astype(
        np.float32
    )


@given(seeds)
@settings(max_examples=30)
def test_a_score_moves_by_at_most_half_the_steps(seed: int) -> None:
    z, queries = rows(seed), rows(seed + 1, 5)
    ranges = int8_ranges(z)
    back = from_int8(quantise_int8(z, ranges), ranges)
    step = np.ptp(ranges.astype(float), axis=0) / 255
    # A quotient of up to 255 is rounded thrice, and what comes back once more at its own size.
    most = step * (0.5 + 255 * 3 * EPS) + 3 * EPS * np.abs(ranges).max(axis=0)
    assert (np.abs(back.astype(float) - z) <= most).all()
    moved = np.abs(queries.astype(float) @ (back.astype(float) - z).T)
    assert (moved <= (np.abs(queries) @ most)[:, None]).all()
    assert (moved <= np.linalg.norm(queries, axis=1)[:, None] * np.linalg.norm(most) * 1.001).all()


def test_the_ends_and_the_middle_are_known() -> None:
    ranges = np.asarray([[0.0, -2.55], [255.0, 0.0]], np.float32)
    z = np.asarray([[0, -2.55], [255, 0], [1.4, -1.276], [1.6, -1.274]], np.float32)
    codes = [[-128, -128], [127, 127], [-127, -1], [-126, 0]]
    assert quantise_int8(z, ranges).tolist() == codes


def test_what_lies_outside_becomes_the_end_and_does_not_wrap() -> None:
    """The example of sentence-transformers' pull requests 2865 and 3847."""
    known = np.asarray([[1, 20, -3], [4, 5, -60]], np.float32)
    found = quantise_int8(np.asarray([[-1, 15, 1]], np.float32), int8_ranges(known))
    assert found.tolist() == [[-128, 42, 127]]
    far = np.asarray([[-3e38, 3e38, 3e38]], np.float32)
    assert quantise_int8(far, int8_ranges(known)).tolist() == [[-128, 127, 127]]


def test_a_dimension_of_one_number_comes_back_exactly() -> None:
    one = np.asarray([[0.25, -0.1]], np.float32)
    ranges = int8_ranges(one)
    codes = quantise_int8(np.asarray([[0.25, -0.1], [7, -7]], np.float32), ranges)
    assert codes.tolist() == [[-128, -128]] * 2
    assert from_int8(codes, ranges).tolist() == one.tolist() * 2


def test_a_row_of_zeros_and_the_tiniest_range_are_numbers() -> None:
    z = np.asarray([[0, 0], [1e-45, 1]], np.float32)
    ranges = int8_ranges(z)
    back = from_int8(quantise_int8(z, ranges), ranges)
    assert np.isfinite(back).all()
    assert back[0].tolist() == [0, 0]


def test_halves_are_read_in_32_bits() -> None:
    z = rows(3).astype(np.float16)
    ranges = int8_ranges(z)
    assert ranges.dtype == np.float32
    wide = int8_ranges(z.astype(np.float32))
    assert np.array_equal(quantise_int8(z, ranges), quantise_int8(z.astype(np.float32), wide))


@pytest.mark.parametrize("library", ["torch", "strict"])
def test_every_library_gives_the_same(library: str) -> None:
    import torch

    make = {"torch": torch.asarray, "strict": array_api_strict.asarray}[library]
    z = rows(4)
    ranges = int8_ranges(z)
    codes = quantise_int8(make(z), int8_ranges(make(z)))
    assert isinstance(codes, type(make(z)))
    assert np.array_equal(np.asarray(codes), quantise_int8(z, ranges))
    back = np.asarray(from_int8(codes, make(ranges)))
    np.testing.assert_allclose(back, from_int8(np.asarray(codes), ranges), rtol=1e-6)
    np.testing.assert_allclose(np.asarray(cut(make(z), 3)), cut(z, 3), rtol=1e-6)


def test_cutting_normalises_again_and_keeps_what_is_whole() -> None:
    z = rows(5)
    assert cut(z, 12) is z
    assert np.allclose(np.linalg.norm(cut(z, 5), axis=1), 1)
    assert np.allclose(cut(z, 5) * np.linalg.norm(z[:, :5], axis=1, keepdims=True), z[:, :5])
    assert cut(np.asarray([[0.0, 0.0, 1.0]]), 2).tolist() == [[0.0, 0.0]]


def test_what_is_refused() -> None:
    z = rows(6)
    for width in (0, -1, 13):
        with pytest.raises(InputError, match=f"cannot be cut to {width}; wanted 1 to 12"):
            cut(z, width)
    bad = z.copy()
    bad[7, 2] = np.nan
    with pytest.raises(InputError, match="row 7 holds NaN"):
        int8_ranges(bad)
    with pytest.raises(InputError, match="row 7 holds NaN"):
        quantise_int8(bad, int8_ranges(z))
    with pytest.raises(InputError, match="there is no row"):
        int8_ranges(z[:0])
    for bad in (z[0], z[:, :0]):
        with pytest.raises(InputError, match="D >= 1"):
            quantise_int8(bad, int8_ranges(z))
    with pytest.raises(InputError, match=r"shape \(2, 12\); wanted \(2, 5\)"):
        quantise_int8(z[:, :5], int8_ranges(z))
    with pytest.raises(InputError, match="a range is none"):
        from_int8(np.zeros((1, 12), np.int8), int8_ranges(z)[::-1])
    with pytest.raises(InputError, match="a range is none"):
        quantise_int8(np.zeros((1, 1), np.float32), np.asarray([[-3e38], [3e38]], np.float32))


def test_what_was_quantised_is_not_quantised_again() -> None:
    z = rows(7)
    ranges = int8_ranges(z)
    with pytest.raises(InputTypeError, match="rows have dtype int8; wanted real floating"):
        quantise_int8(quantise_int8(z, ranges), ranges)
    with pytest.raises(InputTypeError, match="codes have dtype float32; wanted int8"):
        from_int8(z, ranges)


def test_wider_rows_than_ranges_become_their_ends() -> None:
    z = rows(8)
    found = quantise_int8(np.asarray([[1e300, -1e300] * 6]), int8_ranges(z))
    assert found.tolist() == [[127, -128] * 6]
