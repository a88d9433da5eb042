"""Which numbers a search takes, and bfloat16, which NumPy itself does not know."""

import numpy as np

from gcl_spec._typing import AnyArray

__all__ = ["LARGEST", "as_floats", "is_floating"]

LARGEST = 2.0**500
"""The largest number that a row may hold; products of larger ones may not fit float64."""


def is_floating(dtype: np.dtype[np.generic]) -> bool:
    """Whether numbers of this dtype can be searched: float16, bfloat16, float32 or float64."""
    return _is_bfloat16(dtype) or (dtype.kind == "f" and dtype.itemsize <= 8)


def as_floats(x: AnyArray) -> AnyArray:
    """The same values in a dtype that NumPy computes with; of any shape.

    >>> import numpy as np
    >>> as_floats(np.frombuffer(bytes([0x80, 0x3F]), "V2"))
    array([1.], dtype=float32)
    """
    if not _is_bfloat16(x.dtype):
        return x
    # A bfloat16 is the upper half of a float32.
    return (np.ascontiguousarray(x).view(np.uint16).astype(np.uint32) << 16).view(np.float32)


def _is_bfloat16(dtype: np.dtype[np.generic]) -> bool:
    return dtype.name == "bfloat16" or dtype == np.dtype("V2")
