"""The one L2 convention of this library."""

from array_api_compat import array_namespace

from gcl_spec._typing import Array, ArrayNamespace

__all__ = ["l2_normalize"]


def l2_normalize(x: Array, /, *, xp: ArrayNamespace | None = None) -> Array:
    """Rows divided by their Euclidean norm, z = x / |x|, along the last axis.

    A zero row, which has no direction, stays zero with zero gradient instead of turning into NaN:
    it stands for a missing modality, and `gcl_spec.loss` reports it unless it is marked absent.

    Args:
        x: shape (..., D), real floating.
        xp: the Array API namespace; found from `x` when not given (pass it in compiled code).

    Returns:
        Shape (..., D), the dtype of `x`.

    >>> import numpy as np
    >>> l2_normalize(np.asarray([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    xp = array_namespace(x) if xp is None else xp
    squared = xp.sum(x * x, axis=-1, keepdims=True)
    # The inner `where` keeps the root's infinite slope at 0 out of the gradient.
    return x / xp.sqrt(xp.where(squared > 0, squared, xp.ones_like(squared)))
