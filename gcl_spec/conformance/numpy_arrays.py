"""NumPy's arrays as those of a backend."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gcl_spec._typing import ArrayNamespace

__all__ = ["NumPyArrays"]


class NumPyArrays:
    """NumPy's arrays as those of a backend, which has no loss of its own."""

    name = "numpy"
    xp: ArrayNamespace = np

    def devices(self) -> Sequence[str]:
        """The only device, the CPU."""
        return ("cpu",)

    def from_numpy(self, x: npt.NDArray[Any], /, *, dtype: str, device: str) -> npt.NDArray[Any]:
        """A copy of `x`, of the same shape, in the NumPy dtype of that name."""
        return x.astype(dtype)

    def to_numpy(self, x: npt.NDArray[Any], /) -> npt.NDArray[Any]:
        """The array `x` itself, of any shape."""
        return x
