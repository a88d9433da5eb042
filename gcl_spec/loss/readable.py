"""The values of arrays where they can be read without waiting for a device."""

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from array_api_compat import is_numpy_array
from array_api_compat import numpy as numpy_namespace

from gcl_spec._typing import ArrayNamespace
from gcl_spec.loss.kernel import FrameworkKernel

__all__ = ["Values"]


class Values:
    """The values of arrays of one framework, and of NumPy's, where they can be read right now.

    Numbers are arrays without axes here.
    """

    def __init__(self, xp: ArrayNamespace, kernel: FrameworkKernel | None) -> None:
        self._xp, self._kernel = xp, kernel

    def of(self, *arrays: Any) -> Sequence[Any] | None:
        """A namespace, and the arrays to look at with it; None where one cannot be read now.

        What a framework reads as NumPy's is looked at in NumPy: under `jax.jit` operations of JAX
        are traced, also those on concrete arrays.
        """
        read_arrays: list[Any] = []
        for x in arrays:
            read, kernel = x, self._kernel
            own = isinstance(x, Real | np.generic) or is_numpy_array(x)
            if not own and type(x).__module__.partition(".")[0] != "array_api_strict":
                read = kernel.readable(x) if kernel is not None and kernel.takes(x) else None
            if read is None:
                return None
            read_arrays.append(read)
        on_host = all(isinstance(x, Real | np.generic) or is_numpy_array(x) for x in read_arrays)
        return (numpy_namespace if on_host else self._xp, *read_arrays)
