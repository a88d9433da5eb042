"""The values of a loss's scale and bias, and how large rows may be beside them."""

import math
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from gcl_spec._typing import Array
from gcl_spec.errors import InputError
from gcl_spec.loss.readable import Values
from gcl_spec.normalize import row_norms
from gcl_spec.objective import Objective

__all__ = ["Numbers", "check_numbers", "largest_norm"]


class Numbers(NamedTuple):
    """What is known of the size of a call's logits, without its rows."""

    log_scale: Array | float
    """ln(1 / temperature), a number, shape (), (T,), (M, M) or (G,)."""
    bias: Array | float | None
    """A number, shape (), (M, M), or None."""
    captions: Array | None
    """The features of captions, (B, F), or None."""
    objective: Objective
    samples: int
    """The number B of samples."""
    info: Any
    """What the namespace's `finfo` says of the dtype to compute in."""


def check_numbers(numbers: Numbers, values: Values) -> None:
    """Refuse a scale or a bias with which no loss can be computed.

    Args:
        numbers: the scale and the bias, and what they are for.
        values: what reads their values.

    Raises:
        InputError: NaN or Inf, or a number that is too large or too small for the dtype.
    """
    _check_scale(numbers, values)
    _check_bias(numbers, values)


def _check_scale(numbers: Numbers, values: Values) -> None:
    """Refuse a scale exp(log_scale) that is no normal number of the dtype to compute in."""
    xp_and_scale = values.of(numbers.log_scale)
    if xp_and_scale is None:
        return
    info = numbers.info
    low, high = math.log(float(info.smallest_normal)), math.log(float(info.max))
    for value in _numbers(xp_and_scale[1]):
        if not math.isfinite(value):
            raise InputError(f"log_scale is {value}; wanted a finite number, ln(1 / temperature)")
        if not low < value < high:
            raise InputError(
                f"log_scale is {value:g}, whose exponential no {info.dtype} holds; wanted "
                "ln(1 / temperature): ln(100) = 4.6 for a scale of 100"
            )


def _check_bias(numbers: Numbers, values: Values) -> None:
    """Refuse a bias, () or (M, M), that is not finite, or by which logits overflow."""
    xp_and_bias = None if numbers.bias is None else values.of(numbers.bias)
    if xp_and_bias is None:
        return
    power = 0.0
    if numbers.objective.bias_unit == "cosine":
        scale = values.of(numbers.log_scale)
        power = -math.inf if scale is None else max(_numbers(scale[1])) / math.log(2)
    room = _room(numbers) - power
    for value in _numbers(xp_and_bias[1]):
        if not math.isfinite(value):
            raise InputError(f"bias is {value}; wanted finite numbers")
        if value != 0 and math.log2(abs(value)) > room:
            raise InputError(
                f"bias is {value:g}, by which logits or their sums overflow in "
                f"{numbers.info.dtype}; wanted numbers up to {2.0**room:.0e}"
            )


def _numbers(x: Any) -> list[float]:
    """The numbers of an array of shape (), (T,) or (M, M), or a number alone."""
    if isinstance(x, Real) or len(x.shape) == 0:
        return [float(x)]
    return [number for k in range(x.shape[0]) for number in _numbers(x[k, ...])]


def largest_norm(numbers: Numbers, values: Values) -> float:
    """The norm of rows up to which their logits, and the sum of all terms, are no overflow.

    It is infinite where the scale or the captions' features cannot be read. A logit is at most
    (scale + hardness) * norm^2 * (1 + |s|^2), with |s| the norm of a caption's features.

    Args:
        numbers: the scale and the captions, and what they are for.
        values: what reads their values.
    """
    captions = [] if numbers.captions is None else [numbers.captions]
    xp_and_arrays = values.of(numbers.log_scale, *captions)
    if xp_and_arrays is None:
        return math.inf
    xp, scale, *features = xp_and_arrays
    power = float(scale if isinstance(scale, Real) else xp.max(scale))
    hardness = numbers.objective.hardness
    if hardness > 0.0:
        power = float(np.logaddexp(power, math.log(hardness)))
    some = bool(features) and features[0].shape[0] > 0  # a process may have no samples
    damping = 1 + float(xp.max(row_norms(features[0], xp=xp))) ** 2 if some else 1.0
    room = _room(numbers) - power / math.log(2) - math.log2(damping)
    top = math.log2(float(numbers.info.max))
    return float(2.0 ** min(room / 2, top - 1))


def _room(numbers: Numbers) -> float:
    """log2 of the largest logit, or shift of one, with which no sum overflows.

    The sum of all terms has one for each sample and direction, as often as the direction weighs. A
    term is a few logits; a sigmoid's, as many as the row has negatives.
    """
    rule, samples = numbers.objective, max(1, numbers.samples)
    terms = samples * sum(max(1.0, direction.weight) for direction in rule.directions)
    if rule.loss == "sigmoid":
        terms *= samples * len(rule.modalities)
    return math.log2(float(numbers.info.max)) - math.log2(8 * terms)
