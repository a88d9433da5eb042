"""Types shared by all modules, and the legend of the shape suffixes.

A suffix names an array's axes in order, one letter an axis (`z_MBD` is M x B x D):

M  modalities            B  samples of a batch       D  width of an embedding
N  rows, N = M * B       T  directions (terms)       F  width of a tower's output
Q  queries               C  candidates               K  retrieved candidates
P  modalities of a pool  H, W, L  height, width of a picture, length of a token sequence
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["AnyArray", "Array", "ArrayNamespace", "BoolArray", "FloatArray", "IntArray", "State"]

# The Array API standard (https://data-apis.org/array-api) has no static type; any array that
# array_api_compat recognises will do.
Array: TypeAlias = Any
ArrayNamespace: TypeAlias = Any

AnyArray: TypeAlias = npt.NDArray[Any]
FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]
IntArray: TypeAlias = npt.NDArray[np.integer[Any]]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

# A training state maps flat canonical names ("params/image_head.1.weight", "optim/exp_avg/...") to
# arrays.
State: TypeAlias = Mapping[str, npt.NDArray[Any]]
