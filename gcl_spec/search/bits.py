"""Rows of one bit a number, compared by their Hamming distance."""

from array_api_compat import array_namespace, device

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.errors import InputError, InputTypeError
from gcl_spec.search.quantise import check_rows

__all__ = ["from_bits", "hamming", "to_bits"]


def to_bits(rows_ND: Array) -> Array:
    """One bit for each number: is it above 0?

    These are the bytes of sentence-transformers' `quantize_embeddings(precision="ubinary")`, of
    FAISS' and Milvus' binary indexes, and of `numpy.packbits`
    (https://numpy.org/doc/stable/reference/generated/numpy.packbits.html): the first number is the
    highest bit of the first byte. Nothing is subtracted first; where rows have a common direction,
    such as a modality's mean, its signs are in all of them, and a calibration that centres belongs
    before.

    Args:
        rows_ND: queries or candidates, (N, D), real floating, D >= 1.

    Returns:
        Shape (N, E) for E = ceil(D / 8) bytes, uint8; the last byte is filled up with zeros.

    Raises:
        InputError: another shape, or a row holds NaN or Inf.
        InputTypeError: another dtype, such as that of bits.

    >>> import numpy as np
    >>> to_bits(np.asarray([[1.0, -1, -1, -1, -1, -1, 0, 1, 1]]))
    array([[129, 128]], dtype=uint8)
    """
    xp = array_namespace(rows_ND)
    check_rows(rows_ND, xp)
    count, width = rows_ND.shape
    bits_ND = xp.astype(rows_ND > 0, xp.uint8)
    if missing := -width % 8:
        zeros = xp.zeros((count, missing), dtype=xp.uint8, device=device(rows_ND))
        bits_ND = xp.concat([bits_ND, zeros], axis=1)
    places = xp.reshape(bits_ND, (count, (width + missing) // 8, 8))
    values_8 = xp.asarray([2**n for n in range(7, -1, -1)], dtype=xp.uint8, device=device(rows_ND))
    return xp.sum(places * values_8, axis=-1, dtype=xp.uint8)


def from_bits(bits_NE: Array, width: int) -> Array:
    """Bits as numbers: 1 for a bit that is set, -1 for another.

    Args:
        bits_NE: what `to_bits` gave, (N, E) uint8.
        width: the number of bits, D, that are no filling.

    Returns:
        Shape (N, D), float32.

    Raises:
        InputError: there are not as many bytes as so many bits take.
        InputTypeError: the bytes are no uint8.

    >>> import numpy as np
    >>> from_bits(np.asarray([[160]], np.uint8), 3)
    array([[ 1., -1.,  1.]], dtype=float32)
    """
    xp = array_namespace(bits_NE)
    size = int(bits_NE.shape[1])
    if not 8 * (size - 1) < width <= 8 * size:
        raise InputError(f"{size} bytes a row do not hold {width} bits")
    return _signs(bits_NE, xp)[:, :width]


def hamming(queries_QE: Array, rows_CE: Array) -> Array:
    """How many bits of each query and each row differ.

    Args:
        queries_QE, rows_CE: what `to_bits` gave of queries and candidates, (Q, E) and (C, E) uint8.

    Returns:
        Shape (Q, C), int32.

    Raises:
        InputError: they have different numbers of bytes.
        InputTypeError: the bytes are no uint8.

    >>> import numpy as np
    >>> hamming(np.asarray([[7]], np.uint8), np.asarray([[7], [5], [248]], np.uint8))
    array([[0, 1, 8]], dtype=int32)
    """
    xp = array_namespace(queries_QE, rows_CE)
    if queries_QE.shape[1] != rows_CE.shape[1]:
        raise InputError(f"queries have {queries_QE.shape[1]} bytes, candidates {rows_CE.shape[1]}")
    # Products of signs are sums of 1 and -1, exact in float32: equal bits less those that differ.
    product_QC = _signs(queries_QE, xp) @ xp.permute_dims(_signs(rows_CE, xp), (1, 0))
    return xp.astype((8 * queries_QE.shape[1] - product_QC) / 2, xp.int32)


def _signs(bits_NE: Array, xp: ArrayNamespace) -> Array:
    """All bits as 1 and -1, (N, 8 E) float32."""
    if bits_NE.dtype != xp.uint8:
        raise InputTypeError(
            f"bits have dtype {bits_NE.dtype}; wanted uint8 (to int8 of sentence-transformers' "
            '"binary", 128 must be added)'
        )
    places_8 = xp.asarray(list(range(7, -1, -1)), dtype=xp.uint8, device=device(bits_NE))
    bits = xp.bitwise_right_shift(bits_NE[:, :, None], places_8) & xp.ones_like(places_8)
    count, size = bits_NE.shape
    return 2 * xp.astype(xp.reshape(bits, (count, 8 * size)), xp.float32) - 1
