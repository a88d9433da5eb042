"""The second pass over a loss's arguments: values, so that none gives a silent 0 or NaN.

Errors name the modality and the rows. Values are looked at where that waits for no device: on a
CPU, outside of compiled code. `gcl_spec.loss.check_shapes` is the first pass.
"""

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.errors import InputError, NoPairError
from gcl_spec.loss.check_numbers import Numbers, check_numbers, largest_norm
from gcl_spec.loss.inputs import Inputs
from gcl_spec.loss.kernel import FrameworkKernel
from gcl_spec.loss.readable import Values
from gcl_spec.normalize import largest_mix, largest_size, power_of_two, row_norms
from gcl_spec.objective import Objective

__all__ = ["check_pairs", "check_values"]

_ABSENT = "mark missing ones absent in `present`"
_NORMALISE = "normalise rows first (gcl_spec.normalize.l2_normalize)"


def check_values(inputs: Inputs, kernel: FrameworkKernel | None = None) -> None:
    """Refuse arguments whose values have no loss, or one that would be lost to rounding.

    Args:
        inputs: the arguments, whose shapes fit each other.
        kernel: the kernel of the arrays' framework, which reads them; NumPy's need none.

    Raises:
        InputError: NaN or Inf; a scale, a bias, rows, features or sums of parts that are too large
            or too small for the dtype; rows of norm 0.
        NoPairError: no sample has both the query and the target of any direction.
    """
    values = Values(inputs.xp, kernel)
    numbers = Numbers(
        inputs.log_scale,
        inputs.bias,
        inputs.captions,
        inputs.objective,
        inputs.first.shape[0],
        inputs.xp.finfo(inputs.dtype),
    )
    check_numbers(numbers, values)
    if inputs.captions is not None:
        _check_features(inputs.captions, values)
    _check_rows(inputs, largest_norm(numbers, values), values)
    if inputs.whole:
        check_pairs(inputs.objective, inputs.flags, inputs.xp, kernel)
    _check_fusion(inputs, values)


def check_pairs(
    objective: Objective,
    flags: Mapping[str, Array],
    xp: ArrayNamespace,
    kernel: FrameworkKernel | None = None,
) -> None:
    """Refuse a batch in which no direction has a sample with both its query and its target.

    Args:
        objective: the objective, whose directions are looked at.
        flags: (B,) booleans by modality name; a name that is missing here has all its rows.
        xp: the Array API namespace of the flags.
        kernel: the kernel of the flags' framework, which reads them; NumPy's need none.

    Raises:
        NoPairError: there is no such sample.
    """
    values = Values(xp, kernel)
    for direction in objective.directions:
        pair = [flags[name] for name in (direction.query, direction.target) if name in flags]
        xp_and_flags = values.of(*pair)
        if xp_and_flags is None or not pair:
            return
        if bool(xp_and_flags[0].any(xp_and_flags[1] & xp_and_flags[-1])):
            return
    raise NoPairError(
        "no valid pair is left: no sample has both the query and the target of any of the "
        f"directions {', '.join(map(str, objective.directions))}"
    )


def _check_rows(inputs: Inputs, largest: float, values: Values) -> None:
    """Refuse present rows with NaN or Inf, and those whose norm is 0, tiny, or over `largest`."""
    flags = inputs.flags
    for name, x_BD in inputs.rows.items():
        xp_and_rows = values.of(x_BD, *([flags[name]] if name in flags else []))
        if xp_and_rows is None:
            continue
        xp_, x, *here = xp_and_rows
        wide = xp_.float32 if xp_.finfo(x.dtype).bits < 32 else x.dtype
        size_B = xp_.astype(largest_size(x, xp_), wide)
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


def _check_features(captions: Array, values: Values) -> None:
    """Refuse features of captions, (B, F), that are not finite, or whose products may overflow."""
    xp_and_captions = values.of(captions)
    if xp_and_captions is not None:
        xp_, x = xp_and_captions
        whose, way_out = "of 'captions'", "give zeros for a missing caption"
        bad_B = ~xp_.all(xp_.isfinite(x), axis=-1)
        _refuse(bad_B, whose, "holds", "hold", "NaN or Inf", way_out)
        norm_B = row_norms(x, xp=xp_)
        largest = float(xp_.finfo(norm_B.dtype).max) ** 0.25
        what = f"a norm over {largest:.0e}, where unit rows are wanted"
        _refuse(norm_B > largest, whose, "has", "have", what, _NORMALISE)


def _check_fusion(inputs: Inputs, values: Values) -> None:
    """Refuse weights that are not finite, and parts whose sum has no direction or is tiny."""
    rows, flags = inputs.rows, inputs.flags
    for name, parts in inputs.parts.items():
        here = [flags.get(part, True) for part in parts]
        used = [rows[part] for part in parts], inputs.weights.get(name, (1.0, 1.0))
        xp_and_terms = values.of(*used[0], *used[1], *here, flags.get(name, True))
        if xp_and_terms is None:
            continue
        xp_, *terms, of_all = xp_and_terms
        for part, weight, flag in zip(parts, terms[2:4], terms[4:], strict=True):
            _check_weights(f"of {part!r} in {name!r}", weight, flag, xp_)
        with np.errstate(over="ignore"):
            a, b = (
                _part(x, weight, flag, xp_)
                for x, weight, flag in zip(terms[:2], terms[2:4], terms[4:], strict=True)
            )
            whose = f"of {parts[0]!r} and {parts[1]!r}"
            _check_sum(a, b, terms[2:4], whose, of_all, terms[4] | terms[5], xp_)


def _check_weights(whose: str, weight: Any, here: Array | bool, xp: ArrayNamespace) -> None:
    """Refuse weights, a number, () or (B,), that are not finite where their part is present."""
    if isinstance(weight, Real) or not weight.shape:
        if not math.isfinite(weight):
            raise InputError(f"the weight {whose} is {float(weight)}; wanted a finite number")
    else:
        _refuse(
            ~xp.isfinite(weight) & here, f"of the weights {whose}", "holds", "hold", "NaN or Inf"
        )


def _check_sum(
    a: Any, b: Any, weights: Sequence[Any], whose: str, of_all: Any, some: Any, xp: ArrayNamespace
) -> None:
    """Refuse sums of two weighted parts that have no direction, or whose logits would be lost.

    Args:
        a: the first parts times their weights, (B, D), zero where not present.
        b: the second parts, likewise.
        weights: the two weights.
        whose: the parts' names in the words of the error.
        of_all: whether the sum is present, (B,).
        some: whether one of the parts is, (B,): zeros of others have no size that could be lost.
        xp: the Array API namespace of the arrays.
    """
    size_B = xp.maximum(largest_size(a, xp), largest_size(b, xp))  # NaN where either has one
    what = "times the weights of their fusion overflow"
    _refuse(~xp.isfinite(size_B) & of_all, whose, what, what, "", _NORMALISE)
    power_B1 = power_of_two(size_B[:, None], xp)
    info = xp.finfo(a.dtype)
    lost_B = size_B < float(info.smallest_normal) / float(info.eps)
    lost_B = lost_B & some
    for weight in weights:  # a weight of 0 is another error
        lost_B = lost_B & (abs(weight) > 0)
    if bool(xp.any(power_B1 != 1)):
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
    """What a part adds to a fusion, (B, D), in 32 bits or more, where rows of 16 bits are exact."""
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
    """Raise an `InputError` that names the rows at which `bad_B`, (B,) booleans, is true."""
    if not bool(array_namespace(bad_B).any(bad_B)):
        return
    rows = [i for i in range(bad_B.shape[0]) if bool(bad_B[i])]
    shown = ", ".join(map(str, rows[:5])) + (f" and {len(rows) - 5} more" if len(rows) > 5 else "")
    noun, verb = ("rows", plural) if len(rows) > 1 else ("row", singular)
    raise InputError(f"{noun} {shown} {whose} {f'{verb} {what}'.strip()}", advice=way_out)
