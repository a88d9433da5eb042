"""What the loss refuses by its values, with names and rows, instead of a silent 0 or NaN.

Values are looked at where that waits for no device: on a CPU, outside of compiled code.
"""

import math
import sys
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_jax_array, is_numpy_array, is_torch_array
from array_api_compat import numpy as numpy_namespace

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.errors import InputError, NoPairError
from gcl_spec.objective import Objective

__all__ = ["check_features", "check_fusion", "check_pairs", "check_rows", "check_scale"]

Parts = tuple[str, str]
_ABSENT = "mark missing ones absent in `present`"


def check_scale(log_scale: Array | float, dtype: Any, xp: ArrayNamespace) -> None:
    """exp(log_scale) is a normal number of the rows' dtype."""
    found = _values(xp, log_scale)
    if found is None:
        return
    scale: Any = found[1]
    each = [scale[t] for t in range(scale.shape[0])] if getattr(scale, "shape", ()) else [scale]
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


def check_rows(rows: Mapping[str, Array], flags: Mapping[str, Array], xp: ArrayNamespace) -> None:
    """NaN, Inf and zero rows, by name and number."""
    for name, x_BD in rows.items():
        found = _values(xp, x_BD, *([flags[name]] if name in flags else []))
        if found is None:
            continue
        xp_, x, *here = found
        size_B = xp_.max(xp_.abs(x), axis=-1)
        here_B = here[0] if here else True
        _refuse(~xp_.isfinite(size_B) & here_B, f"of {name!r}", "holds", "hold", "NaN or Inf")
        _refuse((size_B == 0) & here_B, f"of {name!r}", "has", "have", "norm 0")


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
    """Features of captions are finite."""
    found = _values(xp, captions)
    if found is not None:
        bad_B = ~found[0].all(found[0].isfinite(found[1]), axis=-1)
        way_out = "give zeros for a missing caption"
        _refuse(bad_B, "of 'captions'", "holds", "hold", "NaN or Inf", way_out)


def check_fusion(
    rows: Mapping[str, Array],
    fused: Mapping[str, Parts],
    weights: Mapping[str, tuple[Array | float, Array | float]],
    flags: Mapping[str, Array],
    xp: ArrayNamespace,
) -> None:
    """Weights that are not finite, and parts whose weighted sum has no direction."""
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
        a, b = (
            _part(x, weight, flag, xp_)
            for x, weight, flag in zip(terms[:2], terms[2:4], terms[4:], strict=True)
        )
        sizes_B = [xp_.linalg.vector_norm(x, axis=-1) for x in (a, b, a + b)]
        # Below this the sum's direction is rounding error of the two parts.
        undefined_B = ~(sizes_B[2] > 4 * xp_.finfo(a.dtype).eps * (sizes_B[0] + sizes_B[1]))
        what = "sum to 0, so their fusion has no direction"
        _refuse(undefined_B & of_all, f"of {parts[0]!r} and {parts[1]!r}", what, what, "")


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
    raise InputError(f"{noun} {shown} {whose} {f'{verb} {what}'.strip()}; {way_out}")


def _values(xp: ArrayNamespace, *arrays: Any) -> Sequence[Any] | None:
    """A namespace and the arrays to look at with it; None where that would wait for a device.

    JAX's are looked at in NumPy: under `jit` its operations on concrete arrays are traced, too.
    """
    given = [x for x in arrays if not isinstance(x, Real)]
    if not all(map(_is_plain, given)):
        return None
    if all(is_jax_array(x) or _is_numpy(x) for x in given):
        return (numpy_namespace, *(x if isinstance(x, Real) else _in_numpy(x) for x in arrays))
    return (xp, *(x.detach() if is_torch_array(x) else x for x in arrays))


def _in_numpy(x: Any) -> Any:
    # NumPy has no bfloat16 of its own.
    return np.asarray(x, np.float32) if str(x.dtype) == "bfloat16" else np.asarray(x)


def _is_numpy(x: Any) -> bool:
    return is_numpy_array(x) or isinstance(x, np.generic)


def _is_plain(x: Any) -> bool:
    if is_torch_array(x):
        torch = sys.modules["torch"]
        if torch.compiler.is_compiling() or x.device.type != "cpu":
            return False
        return not torch._C._functorch.is_functorch_wrapped_tensor(x)
    if is_jax_array(x):
        jax = sys.modules["jax"]
        return not isinstance(x, jax.core.Tracer) and all(d.platform == "cpu" for d in x.devices())
    return _is_numpy(x) or type(x).__module__.split(".")[0] == "array_api_strict"
