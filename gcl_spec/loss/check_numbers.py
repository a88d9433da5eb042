"""The values of a loss's scale and bias, and how large rows may be beside them."""

import math
from numbers import Real
from typing import Any

import numpy as np

from gcl_spec.errors import InputError
from gcl_spec.loss.inputs import Inputs
from gcl_spec.loss.readable import Values
from gcl_spec.normalize import row_norms

__all__ = ["check_numbers", "largest_norm"]


def check_numbers(inputs: Inputs, values: Values) -> None:
    """Refuse a scale or a bias with which no loss can be computed.

    Args:
        inputs: the arguments, whose shapes fit each other.
        values: what reads their values.

    Raises:
        InputError: NaN or Inf, or a number that is too large or too small for the dtype.
    """
    _check_scale(inputs, values)
    _check_bias(inputs, values)


def _check_scale(inputs: Inputs, values: Values) -> None:
    """Refuse a scale exp(log_scale) that is no normal number of the dtype to compute in."""
    found = values.of(inputs.log_scale)
    if found is None:
        return
    info = inputs.xp.finfo(inputs.dtype)
    low, high = math.log(float(info.smallest_normal)), math.log(float(info.max))
    for value in _numbers(found[1]):
        if not math.isfinite(value):
            raise InputError(f"log_scale is {value}; wanted a finite number, ln(1 / temperature)")
        if not low < value < high:
            raise InputError(
                f"log_scale is {value:g}, whose exponential no {info.dtype} holds; wanted "
                "ln(1 / temperature): ln(100) = 4.6 for a scale of 100"
            )


def _check_bias(inputs: Inputs, values: Values) -> None:
    """Refuse a bias, () or (M, M), that is not finite, or by which logits overflow."""
    found = None if inputs.bias is None else values.of(inputs.bias)
    if found is None:
        return
    power = 0.0
    if inputs.objective.bias_unit == "cosine":
        scale = values.of(inputs.log_scale)
        power = -math.inf if scale is None else max(_numbers(scale[1])) / math.log(2)
    room = _room(inputs) - power
    for value in _numbers(found[1]):
        if not math.isfinite(value):
            raise InputError(f"bias is {value}; wanted finite numbers")
        if value != 0 and math.log2(abs(value)) > room:
            raise InputError(
                f"bias is {value:g}, by which logits or their sums overflow in {inputs.dtype}; "
                f"wanted numbers up to {2.0**room:.0e}"
            )


def _numbers(x: Any) -> list[float]:
    """The numbers of an array of shape (), (T,) or (M, M), or a number alone."""
    if isinstance(x, Real) or len(x.shape) == 0:
        return [float(x)]
    return [number for k in range(x.shape[0]) for number in _numbers(x[k, ...])]


def largest_norm(inputs: Inputs, values: Values) -> float:
    """The norm of rows up to which their logits, and the sum of all terms, are no overflow.

    It is infinite where the scale or the captions' features cannot be read. A logit is at most
    (scale + hardness) * norm^2 * (1 + |s|^2), with |s| the norm of a caption's features.

    Args:
        inputs: the arguments, whose shapes fit each other.
        values: what reads their values.
    """
    captions = [] if inputs.captions is None else [inputs.captions]
    found = values.of(inputs.log_scale, *captions)
    if found is None:
        return math.inf
    xp, scale, *features = found
    power = float(scale if isinstance(scale, Real) else xp.max(scale))
    hardness = inputs.objective.hardness
    if hardness > 0.0:
        power = float(np.logaddexp(power, math.log(hardness)))
    some = bool(features) and features[0].shape[0] > 0  # a process may have no samples
    damping = 1 + float(xp.max(row_norms(features[0], xp=xp))) ** 2 if some else 1.0
    room = _room(inputs) - power / math.log(2) - math.log2(damping)
    top = math.log2(float(inputs.xp.finfo(inputs.dtype).max))
    return float(2.0 ** min(room / 2, top - 1))


def _room(inputs: Inputs) -> float:
    """log2 of the largest logit, or shift of one, with which no sum overflows.

    The sum of all terms has one for each sample and direction, as often as the direction weighs. A
    term is a few logits; a sigmoid's, as many as the row has negatives.
    """
    rule, samples = inputs.objective, max(1, inputs.first.shape[0])
    terms = samples * sum(max(1.0, direction.weight) for direction in rule.directions)
    if rule.loss == "sigmoid":
        terms *= samples * len(rule.modalities)
    return math.log2(float(inputs.xp.finfo(inputs.dtype).max)) - math.log2(8 * terms)
