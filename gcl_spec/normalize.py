"""The one L2 convention of this library, for numbers of any size."""

from math import log2

from array_api_compat import array_namespace

from gcl_spec._typing import Array, ArrayNamespace

__all__ = [
    "centred", "inverse_norm", "l2_normalize", "largest_mix", "largest_size", "power_of_two",
    "row_norms",
]  # fmt: skip


def l2_normalize(x: Array, /, *, xp: ArrayNamespace | None = None) -> Array:
    """Rows divided by their Euclidean norm |x|, along the last axis.

    It works for every norm that the dtype holds. A zero row, which has no direction, stays zero
    with zero gradient instead of turning into NaN: it stands for a missing modality, and
    `gcl_spec.loss` reports it unless it is marked absent.

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
    leveled, root = _leveled(x, xp)
    zero = xp.max(xp.abs(x), axis=-1, keepdims=True) == 0  # NaN is not 0, so it stays
    leveled = xp.where(zero, xp.zeros_like(leveled), leveled)
    return xp.astype(leveled / root, x.dtype, copy=False)


def centred(unit_BD: Array, mean_D: Array, /, *, xp: ArrayNamespace | None = None) -> Array:
    """Unit rows from which the mean of their modality is subtracted, normalised again.

    It is the centring of the calibration `cfu`, and that of a model with `model.fuse = centred`.

    Args:
        unit_BD: unit rows, (B, D).
        mean_D: what is subtracted, (D,); with 0 the rows stay as they are.
        xp: the Array API namespace; found from `unit_BD` when not given.

    Returns:
        Shape (B, D); a row that is the mean itself has no direction and is 0.

    >>> import numpy as np
    >>> centred(np.asarray([[1.0, 0.0], [0.0, 1.0]]), np.asarray([0.0, 1.0])).round(3)
    array([[ 0.707, -0.707],
           [ 0.   ,  0.   ]])
    """
    return l2_normalize(unit_BD - mean_D, xp=xp)


def row_norms(x: Array, /, *, xp: ArrayNamespace | None = None) -> Array:
    """The Euclidean norms of rows, with gradient 0 for a zero row.

    Args:
        x: shape (..., D), real floating.
        xp: the Array API namespace; found from `x` when not given.

    Returns:
        Shape (...,), of at least 32 bits.
    """
    xp = array_namespace(x) if xp is None else xp
    leveled, root = _leveled(x, xp)
    some = xp.any(leveled != 0, axis=-1)
    power = power_of_two(xp.astype(x, leveled.dtype, copy=False), xp)
    norms = xp.squeeze(root / power, axis=-1)
    return xp.where(some, norms, xp.zeros_like(norms))


def inverse_norm(a_BD: Array, b_BD: Array, xp: ArrayNamespace) -> Array:
    """The factor 1 / |a + b| that makes the sum of two rows a unit row.

    Args:
        a_BD, b_BD: the two parts of each row, shape (B, D).
        xp: the Array API namespace.

    Returns:
        Shape (B,); the largest number of the dtype, without gradient, where the sum is zero.
    """
    size_B = xp.maximum(largest_size(a_BD, xp), largest_size(b_BD, xp))
    power_B1 = power_of_two(size_B[:, None], xp)
    total_BD = power_B1 * a_BD + power_B1 * b_BD
    squared_B = xp.sum(total_BD * total_BD, axis=-1)
    some_B = squared_B > 0
    root_B = xp.sqrt(xp.where(some_B, squared_B, xp.ones_like(squared_B)))
    # The power multiplies the cotangent as well, before that is divided by the root's square; so
    # neither overflows.
    return xp.where(some_B, power_B1[:, 0] * (1 / root_B), float(xp.finfo(a_BD.dtype).max))


def largest_mix(dtype: object, xp: ArrayNamespace) -> float:
    """The largest factor of a part of a fused row with which its logits keep their digits.

    The kernel computes the logits of a fused row from products of its parts. Above this factor the
    parts are so small that these products underflow.
    """
    info = xp.finfo(dtype)
    return float(2.0 ** ((log2(float(info.eps)) - log2(float(info.smallest_normal)) - 13) // 2))


def largest_size(x: Array, xp: ArrayNamespace) -> Array:
    """The largest absolute value of each row, NaN where one is NaN; it takes no other memory.

    Args:
        x: shape (..., D), real floating.
        xp: the Array API namespace.

    Returns:
        Shape (...,), the dtype of `x`.
    """
    return xp.maximum(xp.max(x, axis=-1), -xp.min(x, axis=-1))


def power_of_two(x: Array, xp: ArrayNamespace) -> Array:
    """A power of 2 for each row with which its squares neither overflow nor underflow.

    Args:
        x: shape (..., D).
        xp: the Array API namespace.

    Returns:
        Shape (..., 1); 1 for numbers of the usual size and for a zero row. It has no derivative.
    """
    exponent = -log2(float(xp.finfo(x.dtype).smallest_normal))
    usual, half = 2.0 ** (exponent // 8), 2.0 ** (exponent // 2)
    largest = largest_size(x, xp)[..., None]
    power = xp.where(largest > usual, 1 / half, xp.ones_like(largest))
    power = xp.where(largest > half * usual, 1 / (half * usual**3), power)
    power = xp.where((largest < 1 / usual) & (largest > 0), half, power)
    tiny = (largest < 1 / (half * usual)) & (largest > 0)
    return xp.where(tiny, half * usual**3, power)


def _leveled(x: Array, xp: ArrayNamespace) -> tuple[Array, Array]:
    """Rows (..., D) times their power of 2, in 32 bits or more, and the norms (..., 1) of these.

    The norm of a zero row is given as 1.
    """
    x = xp.astype(x, xp.float32, copy=False) if xp.finfo(x.dtype).bits < 32 else x
    x = x * power_of_two(x, xp)
    squared = xp.sum(x * x, axis=-1, keepdims=True)
    # The inner `where` keeps the root's infinite slope at 0 out of the gradient.
    return x, xp.sqrt(xp.where(squared == 0, xp.ones_like(squared), squared))
