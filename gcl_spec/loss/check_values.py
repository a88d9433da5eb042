"""What the loss refuses by its values, with names and rows, instead of a silent 0 or NaN.

Values are looked at where that waits for no device: on a CPU, outside of compiled code.
"""

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_numpy_array
from array_api_compat import numpy as numpy_namespace

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.errors import InputError, NoPairError
from gcl_spec.loss.kernel import framework_kernel
from gcl_spec.normalize import largest_mix, power_of_two, row_norms
from gcl_spec.objective import Objective

__all__ = [
    "check_features",
    "check_fusion",
    "check_pairs",
    "check_rows",
    "check_scale",
    "largest_norm",
]

Parts = tuple[str, str]
_ABSENT = "mark missing ones absent in `present`"
_NORMALISE = "normalise rows first (gcl_spec.normalize.l2_normalize)"


def check_scale(log_scale: Array | float, dtype: Any, xp: ArrayNamespace) -> None:
    """exp(log_scale) is a normal number of the rows' dtype."""
    found = _values(xp, log_scale)
    if found is None:
        return
    scale: Any = found[1]
    some = not isinstance(scale, Real) and len(scale.shape) > 0
    each = [scale[t] for t in range(scale.shape[0])] if some else [scale]
    info = xp.finfo(dtype)
    low, high = math.log(float(info.smallest_normal)), math.log(float(info.max))
    for value in map(float, each):
        if not math.isfinite(value):
            raise InputError(f"log_scale is {value}; wanted a finite number, ln(1 / temperature)")
        if not low < value < high:
            raise InputError(
                f"log_scale is {value:g}, whose exponential no {info.dtype} holds; wanted "
                "ln(1 / temperature): ln(100) = 4.6 for a scale of 100"
            )


def largest_norm(
    log_scale: Array | float,
    features: Array | None,
    terms: float,
    dtype: Any,
    xp: ArrayNamespace,
) -> float:
    """Of rows whose logits, and the sum of so many terms, `dtype` holds; inf if it is not known.

    terms: their number, each as often as it weighs.
    """
    found = _values(xp, log_scale, *([] if features is None else [features]))
    if found is None:
        return math.inf
    xp_, scale, *captions = found
    power = scale if isinstance(scale, Real) else xp_.max(scale)
    damping = 1 + float(xp_.max(row_norms(captions[0], xp=xp_))) ** 2 if captions else 1.0
    top = math.log2(float(xp.finfo(dtype).max))
    room = top - float(power) / math.log(2) - math.log2(8 * damping * terms)
    return float(2.0 ** min(room / 2, top - 1))


def check_rows(
    rows: Mapping[str, Array], flags: Mapping[str, Array], largest: float, xp: ArrayNamespace
) -> None:
    """NaN, Inf and rows whose norm is 0, nearly 0, or over `largest`, by name and number."""
    for name, x_BD in rows.items():
        found = _values(xp, x_BD, *([flags[name]] if name in flags else []))
        if found is None:
            continue
        xp_, x, *here = found
        wide = xp_.float32 if xp_.finfo(x.dtype).bits < 32 else x.dtype
        size_B = xp_.astype(xp_.max(xp_.abs(x), axis=-1), wide)
        here_B = here[0] if here else True
        whose = f"of {name!r}"
        _refuse(~xp_.isfinite(size_B) & here_B, whose, "holds", "hold", "NaN or Inf")
        _refuse((size_B == 0) & here_B, whose, "has", "have", "norm 0")
        info = xp_.finfo(wide)
        tiny = float(info.smallest_normal) / float(info.eps)
        what = f"a norm under {tiny:.0e}, too small for {info.dtype}"
        _refuse((size_B < tiny) & here_B, whose, "has", "have", what, _NORMALISE)
        if bool(xp_.any((size_B > largest / x.shape[1] ** 0.5) & here_B)):
            kept = xp_.where(here[0][:, None], x, xp_.zeros_like(x)) if here else x
            what = f"a norm over {largest:.0e}, whose logits at this scale {info.dtype} cannot hold"
            _refuse(row_norms(kept, xp=xp_) > largest, whose, "has", "have", what, _NORMALISE)


def check_pairs(objective: Objective, flags: Mapping[str, Array], xp: ArrayNamespace) -> None:
    """`NoPairError` where no direction has a sample with both its query and its target."""
    for direction in objective.directions:
        pair = [flags[name] for name in (direction.query, direction.target) if name in flags]
        found = _values(xp, *pair)
        if found is None or not pair:
            return
        if bool(found[0].any(found[1] & found[-1])):
            return
    raise NoPairError(
        "no valid pair is left: no sample has both the query and the target of any of the "
        f"directions {', '.join(map(str, objective.directions))}"
    )


def check_features(captions: Array, xp: ArrayNamespace) -> None:
    """Features of captions are finite, and products of them far from the largest number."""
    found = _values(xp, captions)
    if found is not None:
        xp_, x = found
        whose, way_out = "of 'captions'", "give zeros for a missing caption"
        bad_B = ~xp_.all(xp_.isfinite(x), axis=-1)
        _refuse(bad_B, whose, "holds", "hold", "NaN or Inf", way_out)
        norm_B = row_norms(x, xp=xp_)
        largest = float(xp_.finfo(norm_B.dtype).max) ** 0.25
        what = f"a norm over {largest:.0e}, where unit rows are wanted"
        _refuse(norm_B > largest, whose, "has", "have", what, _NORMALISE)


def check_fusion(
    rows: Mapping[str, Array],
    fused: Mapping[str, Parts],
    weights: Mapping[str, tuple[Array | float, Array | float]],
    flags: Mapping[str, Array],
    xp: ArrayNamespace,
) -> None:
    """Weights that are not finite, and parts whose weighted sum has no direction or is tiny."""
    for name, parts in fused.items():
        here = [flags.get(part, True) for part in parts]
        used = [rows[part] for part in parts], weights.get(name, (1.0, 1.0))
        found = _values(xp, *used[0], *used[1], *here, flags.get(name, True))
        if found is None:
            continue
        xp_, *terms, of_all = found
        for part, weight in zip(parts, terms[2:4], strict=True):
            finite = math.isfinite if isinstance(weight, Real) else xp_.isfinite
            if not bool(xp_.all(xp_.asarray(finite(weight)))):
                raise InputError(f"the weights of {part!r} in {name!r} hold NaN or Inf")
        with np.errstate(over="ignore"):
            a, b = (
                _part(x, weight, flag, xp_)
                for x, weight, flag in zip(terms[:2], terms[2:4], terms[4:], strict=True)
            )
            whose = f"of {parts[0]!r} and {parts[1]!r}"
            _check_sum(a, b, terms[2:4], whose, of_all, terms[4] | terms[5], xp_)


def _check_sum(
    a: Any, b: Any, weights: Sequence[Any], whose: str, of_all: Any, some: Any, xp: ArrayNamespace
) -> None:
    """The sum of two weighted parts has a direction, and logits of it are not lost.

    some: whether one of the parts is present: zeros of others have no size that could be lost.
    """
    finite_B = xp.all(xp.isfinite(a) & xp.isfinite(b), axis=-1)
    what = "times the weights of their fusion overflow"
    _refuse(~finite_B & of_all, whose, what, what, "", _NORMALISE)
    sizes_B1 = xp.maximum(xp.abs(a), xp.abs(b))
    power_B1 = power_of_two(sizes_B1, xp)
    info = xp.finfo(a.dtype)
    lost_B = xp.max(sizes_B1, axis=-1) < float(info.smallest_normal) / float(info.eps)
    lost_B = lost_B & some
    for weight in weights:  # that are 0 have another error
        lost_B = lost_B & (abs(weight) > 0)
    a, b = a * power_B1, b * power_B1
    sizes_B = [xp.linalg.vector_norm(x, axis=-1) for x in (a, b, a + b)]
    # Below this the sum's direction is rounding error of the two parts.
    undefined_B = ~lost_B & ~(sizes_B[2] > 4 * info.eps * (sizes_B[0] + sizes_B[1]))
    what = "sum to 0, so their fusion has no direction"
    _refuse(undefined_B & of_all, whose, what, what, "")
    most = largest_mix(a.dtype, xp)
    for weight in weights:
        lost_B = lost_B | (abs(weight) * power_B1[:, 0] > most * sizes_B[2])
    what = f"a sum under {1 / most:.0e} times a weight, too small for {info.dtype}"
    _refuse(lost_B & of_all, whose, "have", "have", what, _NORMALISE)


def _part(x_BD: Array, weight: Any, here: Array | bool, xp: ArrayNamespace) -> Array:
    """What a part adds to a fusion, in 32 bits or more: rows of 16 bits are exact in 32."""
    wide = xp.float32 if xp.finfo(x_BD.dtype).bits < 32 else x_BD.dtype
    x_BD = xp.astype(x_BD, wide, copy=False)
    if not isinstance(weight, Real):
        x_BD = weight[..., None] * x_BD
    elif weight != 1:
        x_BD = weight * x_BD
    return x_BD if isinstance(here, bool) else xp.where(here[:, None], x_BD, xp.zeros_like(x_BD))


def _refuse(
    bad_B: Array, whose: str, singular: str, plural: str, what: str, way_out: str = _ABSENT
) -> None:
    if not bool(array_namespace(bad_B).any(bad_B)):
        return
    rows = [i for i in range(bad_B.shape[0]) if bool(bad_B[i])]
    shown = ", ".join(map(str, rows[:5])) + (f" and {len(rows) - 5} more" if len(rows) > 5 else "")
    noun, verb = ("rows", plural) if len(rows) > 1 else ("row", singular)
    raise InputError(f"{noun} {shown} {whose} {f'{verb} {what}'.strip()}", advice=way_out)


def _values(xp: ArrayNamespace, *arrays: Any) -> Sequence[Any] | None:
    """A namespace, and the arrays to look at with it; None where one of them cannot be read now.

    Numbers are arrays without axes here. What a framework reads as NumPy's is looked at in NumPy:
    under `jax.jit` operations of JAX are traced, also those on concrete arrays.
    """
    found = [x if isinstance(x, Real) else _readable(x) for x in arrays]
    if any(x is None for x in found):
        return None
    on_host = all(isinstance(x, Real) or _is_numpy(x) for x in found)
    return (numpy_namespace if on_host else xp, *found)


def _readable(x: Any) -> Any:
    """An array with the values of `x`; None where reading them would wait, or there are none."""
    if _is_numpy(x) or type(x).__module__.partition(".")[0] == "array_api_strict":
        return x
    kernel = framework_kernel(x)
    return None if kernel is None else kernel.readable(x)


def _is_numpy(x: Any) -> bool:
    return is_numpy_array(x) or isinstance(x, np.generic)
