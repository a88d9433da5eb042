"""A checksum of named arrays, because safetensors files hold none."""

import hashlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

__all__ = ["checksum"]


def checksum(arrays: Mapping[str, npt.NDArray[np.generic]], note: str = "") -> str:
    """SHA-256 of names, dtypes, shapes and values, and of `note`, in hexadecimal.

    Args:
        arrays: arrays of any shape by name.
        note: a text that the checksum covers, too.

    >>> checksum({"x": np.zeros(2)}) == checksum({"x": np.zeros((2, 1))})
    False
    """
    hasher = hashlib.sha256(note.encode())
    for name, x in sorted(arrays.items()):
        hasher.update(f"{name} {x.dtype.str} {x.shape}\n".encode())
        hasher.update(np.ascontiguousarray(x).data)
    return hasher.hexdigest()
