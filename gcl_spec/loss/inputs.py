"""From a user's arrays to a `Problem` for a kernel: names, flags, fusion, checks."""

from collections.abc import Mapping
from itertools import chain
from numbers import Real
from typing import TypeAlias, TypedDict, Unpack

from array_api_compat import array_namespace

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.errors import InputError
from gcl_spec.loss.check_shapes import (
    check_alike,
    check_captions,
    check_objective,
    check_options,
    check_weight,
    expect,
)
from gcl_spec.loss.check_values import (
    check_features,
    check_fusion,
    check_pairs,
    check_rows,
    check_scale,
    largest_norm,
)
from gcl_spec.loss.kernel import Kernel
from gcl_spec.loss.problem import Problem
from gcl_spec.objective import Objective

__all__ = [
    "LossOptions",
    "Weights",
    "at_least_32_bits",
    "check",
    "given_modalities",
    "may_be_fused",
    "namespace_of",
    "pair_rows",
    "parts_of",
    "prepare",
]

Weights: TypeAlias = tuple[Array | float, Array | float]


class LossOptions(TypedDict, total=False):
    """The further options of `gcl_spec.loss.contrastive_loss`, as in `gcl_spec.loss.gcl_loss`."""

    weights: Mapping[str, Weights] | None
    """Of the two parts of a fused modality, by its name."""
    present: Mapping[str, Array] | None
    ids: Array | None
    captions: Array | None
    xp: ArrayNamespace | None
    kernel: Kernel | None


def namespace_of(embeddings: Mapping[str, Array], options: LossOptions) -> ArrayNamespace:
    """The Array API namespace that is given, or that of the embeddings."""
    if not embeddings:
        raise InputError("no embeddings given; the objective wants rows by modality, (B, D) each")
    return options.get("xp") or array_namespace(*embeddings.values())


def at_least_32_bits(dtype: object, xp: ArrayNamespace) -> object:
    """The dtype to compute in: float32 for a narrower one."""
    return xp.float32 if xp.finfo(dtype).bits < 32 else dtype


def pair_rows(
    image: Array, text: Array, fused: Array | None, objective: Objective
) -> dict[str, Array]:
    """The rows of `gcl_spec.loss.gcl_loss` by modality."""
    check_objective(objective)
    rows = {"image": image, "text": text}
    if fused is not None and "image+text" in objective.modalities:
        rows["image+text"] = fused
    return rows


def parts_of(name: str) -> tuple[str, str] | None:
    """("a", "b") of the modality "a+b"; None for one that is not a pair."""
    a, plus, b = name.partition("+")
    return (a, b) if plus and a and b else None


def given_modalities(objective: Objective, count: int) -> tuple[str, ...]:
    """The names of `count` stacked embeddings: all modalities, or those that are not fused."""
    names = objective.modalities
    if count == len(names):
        return names
    plain = [name for name in names if not may_be_fused(name, names)]
    return tuple(plain) if count == len(plain) else names


def prepare(
    embeddings: Mapping[str, Array],
    *,
    log_scale: Array | float,
    objective: Objective,
    whole: bool = True,
    **options: Unpack[LossOptions],
) -> Problem:
    """The problem, with no blocks asked for yet.

    whole: is this the whole batch? Else other processes may hold its pairs.

    Raises:
        InputError, InputTypeError: see `gcl_spec.loss.gcl_loss`.
    """
    parts, flags = check(
        embeddings, log_scale=log_scale, objective=objective, whole=whole, **options
    )
    xp, captions = namespace_of(embeddings, options), options.get("captions")
    dtype = at_least_32_bits(next(iter(embeddings.values())).dtype, xp)
    rows = {name: _rows(x, flags.get(name), xp) for name, x in embeddings.items()}
    places = {name: i for i, name in enumerate(rows)}
    present_MB = None
    if flags:
        all_B = xp.ones_like(next(iter(flags.values())))
        present_MB = xp.stack([flags.get(name, all_B) for name in objective.modalities])
    return Problem(
        rows=tuple(rows.values()),
        parts=tuple(
            (places[parts[name][0]], places[parts[name][1]]) if name in parts else places[name]
            for name in objective.modalities
        ),
        weights=_weights(rows, parts, options.get("weights"), xp),
        present=present_MB,
        ids=options.get("ids"),
        positives=objective.duplicates == "positive",
        damp=None if captions is None else xp.astype(captions, dtype, copy=False),
    )


def check(
    embeddings: Mapping[str, Array],
    *,
    log_scale: Array | float,
    objective: Objective,
    whole: bool = True,
    **options: Unpack[LossOptions],
) -> tuple[dict[str, tuple[str, str]], dict[str, Array]]:
    """Refuse bad input; the parts of each fused modality, and the flags of every modality."""
    check_objective(objective)
    xp, first = namespace_of(embeddings, options), next(iter(embeddings.values()))
    parts = _fused(embeddings, objective)
    check_alike(embeddings)
    check_options(first, log_scale, objective, options.get("ids"), xp, whole=whole)
    captions, weights = options.get("captions"), _pairs(options.get("weights"), first, xp)
    flags = _flags(embeddings, options.get("present"), objective, xp)
    dtype = at_least_32_bits(first.dtype, xp)
    check_scale(log_scale, dtype, xp)
    if captions is not None:
        check_captions(captions, first, xp)
        check_features(captions, xp)
    terms = max(1, first.shape[0]) * sum(max(1.0, d.weight) for d in objective.directions)
    check_rows(embeddings, flags, largest_norm(log_scale, captions, terms, dtype, xp), xp)
    if whole:
        check_pairs(objective, flags, xp)
    check_fusion(embeddings, parts, weights, flags, xp)
    return parts, flags


def _pairs(
    weights: Mapping[str, Weights] | None, first: Array, xp: ArrayNamespace
) -> Mapping[str, Weights]:
    """The weights of fusions, which must be two each."""
    for name, pair in (weights or {}).items():
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise InputError(f"weights of {name!r} are {type(pair).__name__}; wanted a pair")
        for part, weight in zip(parts_of(name) or (name, name), pair, strict=True):
            check_weight(f"the weight of {part!r} in {name!r}", weight, first, xp)
    return weights or {}


def may_be_fused(name: str, names: tuple[str, ...]) -> bool:
    """Is it "a+b" of two other modalities? Then it need not be given."""
    parts = parts_of(name)
    return parts is not None and all(part in names for part in parts)


def _fused(embeddings: Mapping[str, Array], objective: Objective) -> dict[str, tuple[str, str]]:
    """The modalities that are not given, each of which must be the fusion of given ones."""
    parts = {name: parts_of(name) for name in objective.modalities if name not in embeddings}
    used = {*objective.modalities, *chain.from_iterable(p for p in parts.values() if p)}
    missing = any(p is None or not set(p) <= set(embeddings) for p in parts.values())
    if missing or not set(embeddings) <= used:
        raise InputError(
            f"embeddings of {', '.join(map(repr, embeddings))} given; the objective wants "
            f"{', '.join(map(repr, objective.modalities))} ('a+b' may be left out: it is made of "
            "'a' and 'b')"
        )
    return {name: p for name, p in parts.items() if p}


def _flags(
    embeddings: Mapping[str, Array],
    present: Mapping[str, Array] | None,
    objective: Objective,
    xp: ArrayNamespace,
) -> dict[str, Array]:
    known = dict.fromkeys((*objective.modalities, *embeddings))
    flags = dict(present or {})
    first = next(iter(embeddings.values()))
    for name, flag in flags.items():
        if name not in known and name not in ("image", "text"):
            raise InputError(
                f"present of {name!r}: no such modality; there are {', '.join(map(repr, known))}"
            )
        expect(f"present of {name!r}", flag, first.shape[:1], "bool", xp, first)
    for name in objective.modalities:
        parts = [flags[part] for part in parts_of(name) or () if part in flags]
        if parts and name not in flags:
            flags[name] = parts[0] if len(parts) == 1 else parts[0] & parts[1]
    return {name: flag for name, flag in flags.items() if name in known}


def _rows(x_BD: Array, present_B: Array | None, xp: ArrayNamespace) -> Array:
    """At least 32 bits, and zero where absent: a NaN there would reach gradients."""
    x_BD = xp.astype(x_BD, at_least_32_bits(x_BD.dtype, xp), copy=False)
    if present_B is None:
        return x_BD
    return xp.where(present_B[:, None], x_BD, xp.zeros_like(x_BD))


def _weights(
    rows: Mapping[str, Array],
    parts: Mapping[str, tuple[str, str]],
    weights: Mapping[str, Weights] | None,
    xp: ArrayNamespace,
) -> tuple[tuple[Array, Array], ...] | None:
    """(B,) each, for every fused modality, where any of them is weighted."""
    if not weights or not parts:
        return None
    found = []
    for name, (a, b) in parts.items():
        w_a, w_b = weights.get(name, (1.0, 1.0))
        found.append((_per_row(w_a, rows[a], xp), _per_row(w_b, rows[b], xp)))
    return tuple(found)


def _per_row(weight: Array | float, x_BD: Array, xp: ArrayNamespace) -> Array:
    ones_B = xp.ones_like(x_BD[:, 0])
    if isinstance(weight, Real):
        return ones_B * float(weight)
    return ones_B * xp.astype(weight, x_BD.dtype)
