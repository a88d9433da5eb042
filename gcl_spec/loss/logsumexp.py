"""Log-sum-exps and means over masked logits; for empty rows, too, their gradients are finite."""

from gcl_spec._typing import Array, ArrayNamespace

__all__ = ["logsumexp", "masked_logsumexp", "masked_mean"]


def masked_logsumexp(s_KBB: Array, mask_KBB: Array, xp: ArrayNamespace) -> Array:
    """The log-sum-exp over the last axis, (K, B), of the logits where the mask is true."""
    # Masked before the maximum: a self logit far above the others would underflow all of them.
    return logsumexp(xp.where(mask_KBB, s_KBB, -xp.inf), 2, xp)


def logsumexp(x: Array, axis: int, xp: ArrayNamespace) -> Array:
    """log sum exp(x) over an axis; it is -inf, with gradient 0, where all are -inf.

    It is shifted by about the largest number (Blanchard, Higham and Higham, IMA Journal of
    Numerical Analysis 2021), so that no exponential overflows.

    Args:
        x: numbers, of any shape.
        axis: the axis to sum over, which the result lacks.
        xp: the Array API namespace of `x`.

    Returns:
        An array of the shape of `x` without the axis.
    """
    # Any number near the maximum serves. That of floor is without a derivative: a compiler that
    # computes x twice, rounded differently, finds no element that is the maximum, and divides by 0.
    top = xp.floor(xp.max(x, axis=axis, keepdims=True))
    some = top != -xp.inf  # it is true for NaN, which stays
    top = xp.where(some, top, xp.zeros_like(top))
    sums = xp.sum(xp.exp(x - top), axis=axis, keepdims=True)
    sums = xp.where(some, sums, xp.ones_like(sums))
    return xp.squeeze(xp.where(some, xp.log(sums) + top, -xp.inf), axis=axis)


def masked_mean(x_KBB: Array, mask_KBB: Array, xp: ArrayNamespace) -> Array:
    """The mean over the last axis, (K, B), of numbers where the mask is true, or 0 of none."""
    weight_KBB = xp.astype(mask_KBB, x_KBB.dtype)
    count_KB = xp.sum(weight_KBB, axis=2)
    sum_KB = xp.sum(xp.where(mask_KBB, x_KBB, xp.zeros_like(x_KBB)), axis=2)
    return sum_KB / xp.where(count_KB > 0, count_KB, xp.ones_like(count_KB))
