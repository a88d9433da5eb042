"""A checksum of named arrays: safetensors itself keeps none."""

import hashlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

__all__ = ["checksum"]


def checksum(arrays: Mapping[str, npt.NDArray[np.generic]], note: str = "") -> str:
    """SHA-256 of names, dtypes, shapes and values, and of `note`, in hexadecimal.

    >>> checksum({"x": np.zeros(2)}) == checksum({"x": np.zeros((2, 1))})
    False
    """
    found = hashlib.sha256(note.encode())
    for name, x in sorted(arrays.items()):
        found.update(f"{name} {x.dtype.str} {x.shape}\n".encode())
        found.update(np.ascontiguousarray(x).data)
    return found.hexdigest()
