"""The first pass over a loss's arguments: names, shapes, dtypes and kinds of arrays.

It reads no value, so it costs no wait for a device, and works in compiled code. The second pass,
over values, is `gcl_spec.loss.check_values`.
"""

from collections.abc import Mapping
from itertools import chain
from numbers import Real
from typing import Any, Unpack

from array_api_compat import array_namespace, is_numpy_array, is_torch_array

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.errors import InputError, InputTypeError
from gcl_spec.loss.inputs import Inputs, LossOptions, Weights, check_objective, parts_of_fused
from gcl_spec.objective import Objective

__all__ = ["check_shapes", "check_stack"]


def check_shapes(
    embeddings: Mapping[str, Array],
    *,
    log_scale: Array | float,
    objective: Objective,
    whole: bool = True,
    **options: Unpack[LossOptions],
) -> Inputs:
    """The arguments of a loss by the names of modalities, when all their shapes fit each other.

    Args:
        embeddings: rows by modality name, (B, D) each.
        log_scale: ln(1 / temperature), a number, shape (), or (T,).
        objective: the objective.
        whole: whether this is the whole batch; else other processes may hold samples of it.
        options: as in `gcl_spec.loss.contrastive_loss`.

    Raises:
        InputError: names or shapes that do not fit.
        InputTypeError: no objective, no arrays, arrays of two frameworks, or a wrong dtype.
    """
    if not embeddings:
        raise InputError("no embeddings given; the objective wants rows by modality, (B, D) each")
    xp = options.get("xp") or array_namespace(*embeddings.values())
    check_objective(objective)
    first, ids, captions = (
        next(iter(embeddings.values())),
        options.get("ids"),
        options.get("captions"),
    )
    parts = _parts(embeddings, objective)
    _check_alike(embeddings)
    _check_rows(first, xp, whole)
    _check_scale(log_scale, first, objective, xp)
    if ids is not None:
        _expect("ids", ids, tuple(first.shape[:1]), "integral", xp, first)
    weights = options.get("weights") or {}
    _check_weights(weights, parts, first, xp)
    flags = _flags(embeddings, options.get("present"), objective, xp)
    if captions is not None:
        _check_captions(captions, first, xp)
    bias = options.get("bias")
    _check_bias(bias, first, objective, xp)
    return Inputs(
        embeddings, log_scale, objective, parts, weights, flags, ids, captions, bias, xp, whole
    )


def check_stack(
    z_MBD: Array,
    given: int,
    objective: Objective,
    present_MB: Array | None,
    weights: Array | None,
    xp: ArrayNamespace,
) -> None:
    """Refuse stacked embeddings, flags and weights whose shapes are not the objective's.

    Args:
        z_MBD: stacked embeddings, (M, B, D), or (C, B, D) without those of fused modalities.
        given: the number C of modalities that are not the fusion of two others.
        objective: the objective, of M modalities.
        present_MB: (M, B) booleans, or None.
        weights: (M - C, 2, B), or None.
        xp: the Array API namespace of the arrays.

    Raises:
        InputError: a shape that does not fit.
        InputTypeError: no arrays, or a wrong dtype.
    """
    modalities = len(objective.modalities)
    if len(z_MBD.shape) != 3 or z_MBD.shape[0] not in (modalities, given):
        raise InputError(
            f"embeddings have shape {tuple(z_MBD.shape)}; wanted (M, B, D) = ({modalities}, "
            "B >= 1, D >= 1)"
        )
    if present_MB is not None:
        _expect("present", present_MB, (modalities, z_MBD.shape[1]), "bool", xp, z_MBD)
    if weights is not None:
        shape = (modalities - z_MBD.shape[0], 2, z_MBD.shape[1])
        _expect("weights", weights, shape, "real floating", xp, z_MBD)


def _parts(embeddings: Mapping[str, Array], objective: Objective) -> dict[str, tuple[str, str]]:
    """The modalities that are not given, each of which must be the fusion of two given ones."""
    names = objective.modalities
    parts = {name: parts_of_fused(name) for name in names if name not in embeddings}
    used = {*names, *chain.from_iterable(p for p in parts.values() if p)}
    missing = any(p is None or not set(p) <= set(embeddings) for p in parts.values())
    if missing or not set(embeddings) <= used:
        raise InputError(
            f"embeddings of {', '.join(map(repr, embeddings))} given; the objective wants "
            f"{', '.join(map(repr, names))} ('a+b' may be left out: it is made of "
            "'a' and 'b')"
        )
    return {name: p for name, p in parts.items() if p}


def _check_alike(rows: Mapping[str, Array]) -> None:
    """Refuse embeddings that are not all (B, D), of one shape and dtype."""
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


def _check_rows(x_BD: Array, xp: ArrayNamespace, whole: bool) -> None:
    """Refuse rows without a sample or a width, and those that are not of real floating numbers."""
    if x_BD.shape[1] == 0 or (whole and x_BD.shape[0] == 0):
        raise InputError(f"embeddings have shape {tuple(x_BD.shape)}; wanted B >= 1, D >= 1")
    if not xp.isdtype(x_BD.dtype, "real floating"):
        raise InputTypeError(f"embeddings have dtype {x_BD.dtype}; wanted a real floating one")


def _check_scale(log_scale: Any, x_BD: Array, objective: Objective, xp: ArrayNamespace) -> None:
    """Refuse a scale that is no number, not of shape (), and not one for each that may have one."""
    if isinstance(log_scale, Real):
        return
    _expect_real("log_scale", log_scale, x_BD, xp)
    words = {"pair": "query and pool modality", "modality": "given modality"}
    each, shape = words.get(objective.scales, objective.scales), objective.scale_shape
    if tuple(log_scale.shape) not in ((), shape):
        raise InputError(
            f"log_scale has shape {tuple(log_scale.shape)}; wanted a scalar, (), or one for "
            f"each {each}, {shape}"
        )


def _check_bias(bias: Any, x_BD: Array, objective: Objective, xp: ArrayNamespace) -> None:
    """Refuse a bias that is no number, not of shape (), and not one for each pair of modalities."""
    if bias is None or isinstance(bias, Real):
        return
    _expect_real("bias", bias, x_BD, xp)
    modalities = len(objective.modalities)
    if tuple(bias.shape) not in ((), (modalities, modalities)):
        raise InputError(
            f"bias has shape {tuple(bias.shape)}; wanted a scalar, (), or one for each query and "
            f"pool modality, {(modalities, modalities)}"
        )


def _check_weights(
    weights: Mapping[str, Weights],
    parts: Mapping[str, tuple[str, str]],
    x_BD: Array,
    xp: ArrayNamespace,
) -> None:
    """Refuse weights of fusions that are not two each, a number, shape () or (B,).

    `parts` names the modalities that are fused here; weights of any other would have no effect.
    """
    for name, pair in weights.items():
        if name not in parts:
            raise InputError(
                f"weights of {name!r}, which is not made of its parts here: its rows are given, or "
                "the objective has no such modality; leave out its weights, or its rows"
            )
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise InputError(f"weights of {name!r} are {type(pair).__name__}; wanted a pair")
        for part, weight in zip(parts_of_fused(name) or (name, name), pair, strict=True):
            _check_weight(f"the weight of {part!r} in {name!r}", weight, x_BD, xp)


def _check_weight(name: str, weight: Any, x_BD: Array, xp: ArrayNamespace) -> None:
    """Refuse a weight that is no number and not of shape () or (B,)."""
    if isinstance(weight, Real):
        return
    _expect_array(name, weight, x_BD)
    shape = tuple(weight.shape) if len(weight.shape) == 0 else (x_BD.shape[0],)
    _expect(name, weight, shape, "real floating", xp, x_BD)


def _flags(
    embeddings: Mapping[str, Array],
    present: Mapping[str, Array] | None,
    objective: Objective,
    xp: ArrayNamespace,
) -> dict[str, Array]:
    """The given (B,) booleans, and those of "a+b" that follow from those of "a" and "b"."""
    known = dict.fromkeys((*objective.modalities, *embeddings))
    flags = dict(present or {})
    first = next(iter(embeddings.values()))
    for name, flag in flags.items():
        if name not in known and name not in ("image", "text"):
            raise InputError(
                f"present of {name!r}: no such modality; there are {', '.join(map(repr, known))}"
            )
        _expect(f"present of {name!r}", flag, first.shape[:1], "bool", xp, first)
    for name in objective.modalities:
        parts = [flags[part] for part in parts_of_fused(name) or () if part in flags]
        if parts and name not in flags:
            flags[name] = parts[0] if len(parts) == 1 else parts[0] & parts[1]
    return {name: flag for name, flag in flags.items() if name in known}


def _check_captions(captions: Array, x_BD: Array, xp: ArrayNamespace) -> None:
    """Refuse features of captions that are not (B, F)."""
    _expect_array("captions", captions, x_BD)
    if len(captions.shape) != 2 or captions.shape[0] != x_BD.shape[0]:
        raise InputError(
            f"captions have shape {tuple(captions.shape)}; wanted ({x_BD.shape[0]}, F)"
        )
    _expect("captions", captions, tuple(captions.shape), "real floating", xp, x_BD)


def _expect(
    name: str, x: Any, shape: tuple[int, ...], kind: str, xp: ArrayNamespace, like: Array
) -> None:
    """Refuse what is no array of the framework of `like`, or of another shape or kind of dtype."""
    _expect_array(name, x, like)
    if tuple(x.shape) != shape:
        raise InputError(f"{name} has shape {tuple(x.shape)}; wanted {shape}")
    if not xp.isdtype(x.dtype, kind):
        raise InputTypeError(f"{name} has dtype {x.dtype}; wanted {kind}")


def _expect_real(name: str, x: Any, like: Array, xp: ArrayNamespace) -> None:
    """Refuse what is no array, of any shape, of real numbers of the framework of `like`."""
    _expect_array(name, x, like)
    if not xp.isdtype(x.dtype, ("integral", "real floating")):
        raise InputTypeError(f"{name} has dtype {x.dtype}; wanted real numbers")


def _expect_array(name: str, x: Any, like: Array) -> None:
    """Refuse what is no array of the framework of `like`; both may have any shape."""
    if not (hasattr(x, "shape") and hasattr(x, "dtype")):
        raise InputTypeError(f"{name} is a {type(x).__name__}; wanted an array")
    if is_torch_array(x) != is_torch_array(like) or (is_numpy_array(like) and not _numpy_like(x)):
        raise InputTypeError(
            f"{name} is a {_kind(x)}, the embeddings are {_kind(like)}s: all must be of one "
            "framework"
        )


def _numpy_like(x: Any) -> bool:
    """Whether `x`, of any shape, is an array or a scalar of NumPy."""
    return is_numpy_array(x) or type(x).__module__ == "numpy"  # np.float32(2.0)


def _kind(x: Any) -> str:
    return f"{type(x).__module__.split('.')[0]} {type(x).__name__}"


def _describe(x: Array) -> str:
    return f"{tuple(x.shape)} {x.dtype}"
