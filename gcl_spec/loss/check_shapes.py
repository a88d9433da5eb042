"""What the loss refuses by shape, dtype and kind of array; values are in `value_checks`."""

from collections.abc import Mapping
from numbers import Real
from typing import Any

from array_api_compat import is_numpy_array, is_torch_array

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.errors import InputError, InputTypeError
from gcl_spec.objective import PRESETS, Objective

__all__ = [
    "check_alike",
    "check_captions",
    "check_objective",
    "check_options",
    "check_stack",
    "check_weight",
    "expect",
]


def check_objective(objective: object) -> None:
    """It is an `Objective`, and not a preset's name."""
    if not isinstance(objective, Objective):
        known = isinstance(objective, str) and objective in PRESETS
        call = f"preset({objective!r})" if known else "preset(NAME)"
        raise InputTypeError(
            f"objective is {objective!r}; wanted an Objective, such as gcl_spec.objective.{call}"
        )


def check_alike(rows: Mapping[str, Array]) -> None:
    """All rows are (B, D), of one shape and dtype."""
    first = next(iter(rows))
    for name, x in rows.items():
        _expect_array(f"embeddings of {name!r}", x, rows[first])
        if len(x.shape) != 2:
            raise InputError(f"embeddings of {name!r} are {_describe(x)}; wanted (B, D)")
        if x.shape != rows[first].shape or x.dtype != rows[first].dtype:
            raise InputError(
                f"embeddings of {name!r} are {_describe(x)}, of {first!r} "
                f"{_describe(rows[first])}: all must be (B, D), of one shape and dtype"
            )


def check_stack(
    z_MBD: Array,
    given: int,
    objective: Objective,
    present_MB: Array | None,
    weights: Array | None,
    xp: ArrayNamespace,
) -> None:
    """Stacked embeddings, flags and weights of fusions have the objective's shape.

    given: how many modalities stand for themselves, and are not the fusion of two others.
    """
    modalities = len(objective.modalities)
    if len(z_MBD.shape) != 3 or z_MBD.shape[0] not in (modalities, given):
        raise InputError(
            f"embeddings have shape {tuple(z_MBD.shape)}; wanted (M, B, D) = ({modalities}, "
            "B >= 1, D >= 1)"
        )
    if present_MB is not None:
        expect("present", present_MB, (modalities, z_MBD.shape[1]), "bool", xp, z_MBD)
    if weights is not None:
        shape = (modalities - z_MBD.shape[0], 2, z_MBD.shape[1])
        expect("weights", weights, shape, "real floating", xp, z_MBD)


def check_options(
    x_BD: Array,
    log_scale: Any,
    objective: Objective,
    ids: Array | None,
    xp: ArrayNamespace,
    *,
    whole: bool = True,
) -> None:
    """Shapes and dtypes; reads no value, so it costs no wait and works in compiled code.

    whole: is this the whole batch? Else other processes may hold its samples.
    """
    if x_BD.shape[1] == 0 or (whole and x_BD.shape[0] == 0):
        raise InputError(f"embeddings have shape {tuple(x_BD.shape)}; wanted B >= 1, D >= 1")
    if not xp.isdtype(x_BD.dtype, "real floating"):
        raise InputTypeError(f"embeddings have dtype {x_BD.dtype}; wanted a real floating one")
    samples, terms = x_BD.shape[0], len(objective.directions)
    if not isinstance(log_scale, Real):
        _expect_array("log_scale", log_scale, x_BD)
        if tuple(log_scale.shape) not in ((), (terms,)):
            raise InputError(
                f"log_scale has shape {tuple(log_scale.shape)}; wanted a scalar, (), or one for "
                f"each direction, ({terms},)"
            )
    if ids is not None:
        expect("ids", ids, (samples,), "integral", xp, x_BD)


def check_captions(captions: Array, x_BD: Array, xp: ArrayNamespace) -> None:
    """Features of the captions are (B, F)."""
    _expect_array("captions", captions, x_BD)
    if len(captions.shape) != 2 or captions.shape[0] != x_BD.shape[0]:
        raise InputError(
            f"captions have shape {tuple(captions.shape)}; wanted ({x_BD.shape[0]}, F)"
        )
    expect("captions", captions, tuple(captions.shape), "real floating", xp, x_BD)


def check_weight(name: str, weight: Any, x_BD: Array, xp: ArrayNamespace) -> None:
    """The weight of one part of a fusion is a number, or one for each sample."""
    if isinstance(weight, Real):
        return
    _expect_array(name, weight, x_BD)
    shape = tuple(weight.shape) if len(weight.shape) == 0 else (x_BD.shape[0],)
    expect(name, weight, shape, "real floating", xp, x_BD)


def expect(
    name: str, x: Any, shape: tuple[int, ...], kind: str, xp: ArrayNamespace, like: Array
) -> None:
    """`x` is an array of `like`'s framework, of this shape and kind of dtype."""
    _expect_array(name, x, like)
    if tuple(x.shape) != shape:
        raise InputError(f"{name} has shape {tuple(x.shape)}; wanted {shape}")
    if not xp.isdtype(x.dtype, kind):
        raise InputTypeError(f"{name} has dtype {x.dtype}; wanted {kind}")


def _expect_array(name: str, x: Any, like: Array) -> None:
    if not (hasattr(x, "shape") and hasattr(x, "dtype")):
        raise InputTypeError(f"{name} is a {type(x).__name__}; wanted an array")
    if is_torch_array(x) != is_torch_array(like) or (is_numpy_array(like) and not _numpy_like(x)):
        raise InputTypeError(
            f"{name} is a {_kind(x)}, the embeddings are {_kind(like)}s: all must be of one "
            "framework"
        )


def _numpy_like(x: Any) -> bool:
    return is_numpy_array(x) or type(x).__module__ == "numpy"  # np.float32(2.0)


def _kind(x: Any) -> str:
    return f"{type(x).__module__.split('.')[0]} {type(x).__name__}"


def _describe(x: Array) -> str:
    return f"{tuple(x.shape)} {x.dtype}"
