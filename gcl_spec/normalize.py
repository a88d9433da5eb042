"""The one L2 convention of this library."""

from math import sqrt

from array_api_compat import array_namespace

from gcl_spec._typing import Array, ArrayNamespace

__all__ = ["l2_normalize"]


def l2_normalize(x: Array, /, *, xp: ArrayNamespace | None = None) -> Array:
    """Rows divided by their Euclidean norm, z = x / |x|, along the last axis.

    The norm may be anything that the dtype holds: rows whose squares would overflow or vanish are
    divided by their largest entry first. A zero row, which has no direction, stays zero with zero
    gradient instead of turning into NaN: it stands for a missing modality, and `gcl_spec.loss`
    reports it unless it is marked absent.

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
    if x.shape[-1] == 0:
        return x
    info = xp.finfo(x.dtype)
    low = sqrt(float(info.smallest_normal) / float(info.eps))
    high = sqrt(float(info.max) / x.shape[-1])
    size = xp.max(xp.abs(x), axis=-1, keepdims=True)
    zero, ones = size == 0, xp.ones_like(size)
    extreme = ((size < low) & ~zero) | ((size > high) & (size <= float(info.max)))
    x = x / xp.where(extreme, size, ones)
    squared = xp.sum(x * x, axis=-1, keepdims=True)
    # The inner `where` keeps the root's infinite slope at 0 out of the gradient.
    return xp.where(zero, xp.zeros_like(x), x) / xp.sqrt(xp.where(zero, ones, squared))
