"""What the loss refuses, with names and rows, instead of returning a silent 0 or NaN."""

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from array_api_compat import is_jax_array, is_numpy_array, is_torch_array

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.errors import InputError, InputTypeError, NoPairError
from gcl_spec.objective import Objective

__all__ = [
    "check_alike",
    "check_fusion",
    "check_options",
    "check_pairs",
    "check_stack",
    "check_values",
]


def check_alike(rows: Mapping[str, Array]) -> None:
    """All rows are (B, D), of one shape and dtype."""
    first = next(iter(rows))
    for name, x in rows.items():
        if len(x.shape) != 2 or x.shape != rows[first].shape or x.dtype != rows[first].dtype:
            raise InputError(
                f"embeddings of {name!r} are {_describe(x)}, of {first!r} "
                f"{_describe(rows[first])}: all must be (B, D), of one shape and dtype"
            )


def check_stack(
    z_MBD: Array,
    objective: Objective,
    present_MB: Array | None,
    weights: Array | None,
    xp: ArrayNamespace,
) -> None:
    """Stacked embeddings, flags and weights of fusions have the objective's shape."""
    modalities = len(objective.modalities)
    fused = sum("+" in name for name in objective.modalities)
    if len(z_MBD.shape) != 3 or z_MBD.shape[0] not in (modalities, modalities - fused):
        raise InputError(
            f"embeddings have shape {tuple(z_MBD.shape)}; wanted (M, B, D) = ({modalities}, "
            "B >= 1, D >= 1)"
        )
    if present_MB is not None:
        _expect("present", present_MB, (modalities, z_MBD.shape[1]), "bool", xp)
    if weights is not None:
        shape = (modalities - z_MBD.shape[0], 2, z_MBD.shape[1])
        _expect("weights", weights, shape, "real floating", xp)


def check_options(
    x_BD: Array,
    log_scale: Array | float,
    objective: Objective,
    ids: Array | None,
    xp: ArrayNamespace,
) -> None:
    """Shapes and dtypes; reads no value, so it costs no wait and works in compiled code."""
    if 0 in x_BD.shape:
        raise InputError(f"embeddings have shape {tuple(x_BD.shape)}; wanted B >= 1, D >= 1")
    if not xp.isdtype(x_BD.dtype, "real floating"):
        raise InputTypeError(f"embeddings have dtype {x_BD.dtype}; wanted a real floating one")
    samples, terms = x_BD.shape[0], len(objective.directions)
    if not isinstance(log_scale, int | float) and tuple(log_scale.shape) not in ((), (terms,)):
        raise InputError(
            f"log_scale has shape {tuple(log_scale.shape)}; wanted a scalar, (), or one for each "
            f"direction, ({terms},)"
        )
    if ids is not None:
        _expect("ids", ids, (samples,), "integral", xp)


def check_captions(captions: Array, samples: int, xp: ArrayNamespace) -> None:
    """Shape and dtype of the captions' features, and their values where they can be read."""
    if len(captions.shape) != 2 or captions.shape[0] != samples:
        raise InputError(f"captions have shape {tuple(captions.shape)}; wanted ({samples}, F)")
    _expect("captions", captions, tuple(captions.shape), "real floating", xp)
    if _readable([captions]):
        bad_B = ~xp.all(xp.isfinite(captions), axis=-1)
        _refuse(bad_B, "of 'captions' hold NaN or Inf", xp, "give zeros for a missing caption")


def check_values(
    rows: Mapping[str, Array],
    log_scale: Array | float,
    objective: Objective,
    flags: Mapping[str, Array],
    xp: ArrayNamespace,
    *,
    whole: bool = True,
) -> None:
    """NaN, Inf, zero rows, no valid pair, where values can be read; the error names the place."""
    fixed = isinstance(log_scale, int | float)
    if fixed and not math.isfinite(log_scale):
        raise InputError(f"log_scale is {log_scale}; wanted a finite number, ln(1 / temperature)")
    if not _readable([*rows.values(), log_scale, *flags.values()]):
        return
    if not fixed and not bool(xp.all(xp.isfinite(log_scale))):
        raise InputError("log_scale is NaN or Inf; wanted a finite number, ln(1 / temperature)")
    for name, x_BD in rows.items():
        size_B = xp.max(xp.abs(x_BD), axis=-1)
        here_B = flags.get(name, True)
        _refuse(~xp.isfinite(size_B) & here_B, f"of {name!r} hold NaN or Inf", xp)
        _refuse((size_B == 0) & here_B, f"of {name!r} have norm 0", xp)
    if whole:
        check_pairs(objective, flags, xp)


def check_pairs(objective: Objective, flags: Mapping[str, Array], xp: ArrayNamespace) -> None:
    """`NoPairError` where no direction has a sample with both its query and its target."""
    pairs = [
        [flags[name] for name in (d.query, d.target) if name in flags] for d in objective.directions
    ]
    if not any(_some(pair, xp) for pair in pairs):
        raise NoPairError(
            "no valid pair is left: no sample has both the query and the target of any of the "
            f"directions {', '.join(map(str, objective.directions))}"
        )


def check_fusion(
    rows: Mapping[str, Array],
    fused: Mapping[str, tuple[str, str]],
    weights: Mapping[str, tuple[Array | float, Array | float]],
    flags: Mapping[str, Array],
    xp: ArrayNamespace,
) -> None:
    """Parts whose weighted sum has no direction, where values can be read."""
    for name, parts in fused.items():
        a, b = (rows[part] for part in parts)
        w_a, w_b = (_column(w) for w in weights.get(name, (1.0, 1.0)))
        here = [flags[n] for n in (*parts, name) if n in flags]
        if not _readable([a, b, w_a, w_b, *here]):
            return
        a, b = w_a * a, w_b * b
        sizes_B = [xp.linalg.vector_norm(x, axis=-1) for x in (a, b, a + b)]
        # Below this the sum's direction is rounding error of the two parts.
        undefined_B = ~(sizes_B[2] > 4 * xp.finfo(a.dtype).eps * (sizes_B[0] + sizes_B[1]))
        for flag in here:
            undefined_B = undefined_B & flag
        what = f"of {parts[0]!r} and {parts[1]!r} sum to 0, so their fusion has no direction"
        _refuse(undefined_B, what, xp)


def _column(weight: Array | float) -> Array | float:
    return weight if isinstance(weight, int | float) else weight[..., None]


def _some(flags: Sequence[Array], xp: ArrayNamespace) -> bool:
    """Is there a sample for which all of the flags hold?"""
    if len(flags) == 2:
        return bool(xp.any(flags[0] & flags[1]))
    return not flags or bool(xp.any(flags[0]))


def _refuse(
    bad_B: Array,
    what: str,
    xp: ArrayNamespace,
    way_out: str = "mark missing ones absent in `present`",
) -> None:
    if not bool(xp.any(bad_B)):
        return
    rows = [i for i in range(bad_B.shape[0]) if bool(bad_B[i])]
    shown = ", ".join(map(str, rows[:5])) + (f" and {len(rows) - 5} more" if len(rows) > 5 else "")
    raise InputError(f"row{'s' if len(rows) > 1 else ''} {shown} {what}; {way_out}")


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
