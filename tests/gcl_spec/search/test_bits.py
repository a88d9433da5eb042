"""Rows of one bit a number."""

import array_api_strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gcl_spec.errors import InputError, InputTypeError
from gcl_spec.search.bits import from_bits, hamming, to_bits


def drawn(seed: int, count: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
@settings(max_examples=30)
def test_distances_order_as_products_of_signs(seed: int, width: int) -> None:
    z, queries = drawn(seed, 20, width), drawn(seed + 1, 3, width)
    bits = to_bits(z)
    assert np.array_equal(bits, np.packbits(z > 0, axis=1))
    signs = from_bits(bits, width)
    assert np.array_equal(signs, np.where(z > 0, 1, -1))
    distance = hamming(to_bits(queries), bits)
    assert np.array_equal(distance, (np.sign(queries)[:, None] != np.sign(z)[None]).sum(axis=2))
    assert np.array_equal(width - 2 * distance, np.sign(queries) @ np.sign(z).T)


def test_zero_is_not_above_zero() -> None:
    row = np.asarray([[0.0, -0.0, 1e-45, -1e-45, 1, 0, 0, 0]], np.float32)
    assert to_bits(row).tolist() == [[0b00101000]]
    assert to_bits(np.zeros((2, 8))).tolist() == [[0], [0]]


def test_rows_are_packed_alone() -> None:
    """Where the width is no multiple of 8, as in sentence-transformers' pull request 3825."""
    z = drawn(0, 4, 10)
    assert to_bits(z).shape == (4, 2)
    assert np.array_equal(to_bits(z)[2:3], to_bits(z[2:3]))
    assert to_bits(z[:0]).shape == (0, 2)


@pytest.mark.parametrize("library", ["torch", "strict"])
def test_every_library_gives_the_same(library: str) -> None:
    import torch

    make = {"torch": torch.asarray, "strict": array_api_strict.asarray}[library]
    z = drawn(1, 6, 19)
    bits = to_bits(make(z))
    assert isinstance(bits, type(make(z)))
    assert np.array_equal(np.asarray(bits), to_bits(z))
    assert np.array_equal(np.asarray(from_bits(bits, 19)), from_bits(to_bits(z), 19))
    assert np.array_equal(np.asarray(hamming(bits, bits)), hamming(to_bits(z), to_bits(z)))


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match="row 1 holds NaN"):
        to_bits(np.asarray([[1.0], [np.nan]]))
    with pytest.raises(InputError, match="D >= 1"):
        to_bits(np.zeros((3, 0)))
    for width in (8, 17, 0):
        with pytest.raises(InputError, match=f"2 bytes a row do not hold {width} bits"):
            from_bits(np.zeros((1, 2), np.uint8), width)
    with pytest.raises(InputError, match="queries have 1 bytes, candidates 2"):
        hamming(np.zeros((1, 1), np.uint8), np.zeros((1, 2), np.uint8))


def test_bytes_with_an_offset_are_no_bits() -> None:
    """sentence-transformers stores "binary" as int8, 128 lower (its pull request 3948)."""
    z = drawn(2, 3, 16)
    lower = (to_bits(z).astype(np.int16) - 128).astype(np.int8)
    for call in (lambda: from_bits(lower, 16), lambda: hamming(to_bits(z), lower)):
        with pytest.raises(InputTypeError, match="128 must be added"):
            call()
    with pytest.raises(InputTypeError, match="rows have dtype uint8"):
        to_bits(to_bits(z))
