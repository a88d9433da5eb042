"""What the loss refuses, with names and rows, instead of returning a silent 0 or NaN."""

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from array_api_compat import is_jax_array, is_numpy_array, is_torch_array

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.errors import InputError, InputTypeError
from gcl_spec.objective import Objective

__all__ = ["check_alike", "check_fusion", "check_stack", "check_values", "stack_rows"]


def check_alike(rows: Mapping[str, Array]) -> None:
    """All rows are (B, D), of one shape and dtype."""
    first = next(iter(rows))
    for name, x in rows.items():
        if len(x.shape) != 2 or x.shape != rows[first].shape or x.dtype != rows[first].dtype:
            raise InputError(
                f"embeddings of {name!r} are {_describe(x)}, of {first!r} "
                f"{_describe(rows[first])}: all must be (B, D), of one shape and dtype"
            )


def stack_rows(
    rows: Mapping[str, Array],
    present: Mapping[str, Array] | None,
    objective: Objective,
    xp: ArrayNamespace,
) -> tuple[Array, Array | None]:
    """Rows and flags by name to (M, B, D) and (M, B), or to (M, B, D) and None."""
    names = objective.modalities
    if set(rows) != set(names):
        raise InputError(
            f"embeddings of {', '.join(map(repr, rows))} given; the objective wants "
            f"{', '.join(map(repr, names))}"
        )
    check_alike(rows)
    z_MBD = xp.stack([rows[name] for name in names])
    samples = z_MBD.shape[1]
    flags = {name: flag for name, flag in (present or {}).items() if name in names}
    unknown = sorted(set(present or {}) - set(names) - {"image", "text"})
    if unknown:
        known = ", ".join(map(repr, names))
        raise InputError(f"present of {unknown[0]!r}: no such modality; there are {known}")
    if not flags:
        return z_MBD, None
    for name, flag in flags.items():
        if tuple(flag.shape) != (samples,):
            raise InputError(
                f"present of {name!r} has shape {tuple(flag.shape)}; wanted ({samples},)"
            )
    all_B = xp.ones_like(next(iter(flags.values())))
    return z_MBD, xp.stack([flags.get(name, all_B) for name in names])


def check_stack(
    z_MBD: Array,
    log_scale: Array | float,
    objective: Objective,
    present_MB: Array | None,
    ids_B: Array | None,
    xp: ArrayNamespace,
) -> None:
    """Shapes and dtypes; reads no value, so it costs no wait and works in compiled code."""
    modalities = len(objective.modalities)
    if len(z_MBD.shape) != 3 or z_MBD.shape[0] != modalities or 0 in z_MBD.shape:
        raise InputError(
            f"embeddings have shape {tuple(z_MBD.shape)}; wanted (M, B, D) = ({modalities}, "
            "B >= 1, D >= 1)"
        )
    if not xp.isdtype(z_MBD.dtype, "real floating"):
        raise InputTypeError(f"embeddings have dtype {z_MBD.dtype}; wanted a real floating one")
    if not isinstance(log_scale, int | float) and tuple(log_scale.shape) != ():
        raise InputError(f"log_scale has shape {tuple(log_scale.shape)}; wanted a scalar, ()")
    samples = z_MBD.shape[1]
    if present_MB is not None:
        _expect("present", present_MB, (modalities, samples), "bool", xp)
    if ids_B is not None:
        _expect("ids", ids_B, (samples,), "integral", xp)


def check_values(
    z_MBD: Array,
    log_scale: Array | float,
    objective: Objective,
    present_MB: Array | None,
    xp: ArrayNamespace,
) -> None:
    """NaN, Inf, zero rows, no valid pair, where values can be read; the error names the place."""
    fixed = isinstance(log_scale, int | float)
    if fixed and not math.isfinite(log_scale):
        raise InputError(f"log_scale is {log_scale}; wanted a finite number, ln(1 / temperature)")
    if not _readable([z_MBD, log_scale, present_MB]):
        return
    if not fixed and not bool(xp.isfinite(log_scale)):
        raise InputError("log_scale is NaN or Inf; wanted a finite number, ln(1 / temperature)")
    norms_MB = xp.max(xp.abs(z_MBD), axis=-1)
    for m, name in enumerate(objective.modalities):
        here_B = True if present_MB is None else present_MB[m, ...]
        _refuse(~xp.isfinite(norms_MB[m, ...]) & here_B, f"of {name!r} hold NaN or Inf", xp)
        _refuse((norms_MB[m, ...] == 0) & here_B, f"of {name!r} have norm 0", xp)
    if present_MB is not None:
        index = objective.modalities.index
        pairs = [
            present_MB[index(d.query), ...] & present_MB[index(d.target), ...]
            for d in objective.directions
        ]
        if not any(bool(xp.any(pair)) for pair in pairs):
            raise InputError(
                "no valid pair is left: no sample has both the query and the target of any of the "
                f"directions {', '.join(map(str, objective.directions))}"
            )


def check_fusion(
    image: Array, text: Array, present: Mapping[str, Array], xp: ArrayNamespace
) -> None:
    """Opposite image and text rows, whose sum has no direction, where values can be read."""
    flags = [flag for name, flag in present.items() if name in ("image", "text", "image+text")]
    if any(tuple(flag.shape) != (image.shape[0],) for flag in flags):
        return  # stack_rows tells of the shapes
    if not _readable([image, text, *flags]):
        return
    sizes_B = [xp.sqrt(xp.sum(x * x, axis=-1)) for x in (image, text, image + text)]
    # Below this the sum's direction is rounding error of the two parts.
    undefined_B = sizes_B[2] <= 4 * xp.finfo(image.dtype).eps * (sizes_B[0] + sizes_B[1])
    for flag in flags:
        undefined_B = undefined_B & flag
    undefined_B = undefined_B & (sizes_B[0] > 0) & (sizes_B[1] > 0)
    _refuse(undefined_B, "of 'image' and 'text' sum to 0, so their fusion has no direction", xp)


def _refuse(bad_B: Array, what: str, xp: ArrayNamespace) -> None:
    if not bool(xp.any(bad_B)):
        return
    rows = [i for i in range(bad_B.shape[0]) if bool(bad_B[i])]
    shown = ", ".join(map(str, rows[:5])) + (f" and {len(rows) - 5} more" if len(rows) > 5 else "")
    raise InputError(
        f"row{'s' if len(rows) > 1 else ''} {shown} {what}; mark missing ones absent in `present`"
    )


def _expect(name: str, x: Array, shape: tuple[int, ...], kind: str, xp: ArrayNamespace) -> None:
    if tuple(x.shape) != shape:
        raise InputError(f"{name} has shape {tuple(x.shape)}; wanted {shape}")
    if not xp.isdtype(x.dtype, kind):
        raise InputTypeError(f"{name} has dtype {x.dtype}; wanted {kind}")


def _describe(x: Array) -> str:
    return f"{tuple(x.shape)} {x.dtype}"


def _readable(arrays: Sequence[Array | float | None]) -> bool:
    """Can values be read here without waiting for a device, outside of traced code?"""
    return all(_is_plain(x) for x in arrays if x is not None and not isinstance(x, int | float))


def _is_plain(x: Any) -> bool:
    if is_torch_array(x):
        torch = sys.modules["torch"]
        if torch.compiler.is_compiling() or x.device.type != "cpu":
            return False
        return not torch._C._functorch.is_functorch_wrapped_tensor(x)
    if is_jax_array(x):
        jax = sys.modules["jax"]
        return not isinstance(x, jax.core.Tracer) and all(d.platform == "cpu" for d in x.devices())
    return is_numpy_array(x) or type(x).__module__.split(".")[0] == "array_api_strict"
