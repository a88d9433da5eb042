"""What a caller gives the loss, by the names of modalities, and the problem that a kernel gets.

`gcl_spec.loss.check_shapes` makes `Inputs` of a call's arguments, `gcl_spec.loss.check_values`
looks at their values, and `prepare` here turns them into arrays that a kernel computes with.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import TypeAlias, TypedDict

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.errors import InputTypeError
from gcl_spec.loss.kernel import Kernel
from gcl_spec.loss.problem import Problem
from gcl_spec.objective import PRESETS, Objective

__all__ = [
    "Inputs",
    "LossOptions",
    "Weights",
    "at_least_32_bits",
    "check_objective",
    "given_modalities",
    "may_be_fused",
    "parts_of_fused",
    "prepare",
]

Weights: TypeAlias = tuple[Array | float, Array | float]
"""The weights of the two parts of a fused modality: numbers, or one for each sample, (B,)."""


class LossOptions(TypedDict, total=False):
    """The further options of `gcl_spec.loss.contrastive_loss`, as in `gcl_spec.loss.gcl_loss`."""

    weights: Mapping[str, Weights] | None
    """The weights of the two parts of a fused modality, by its name."""
    present: Mapping[str, Array] | None
    """(B,) booleans by modality name."""
    ids: Array | None
    """(B,) integers."""
    captions: Array | None
    """(B, F) unit rows."""
    bias: Array | float | None
    """A number, shape (), or (M, M)."""
    xp: ArrayNamespace | None
    """The Array API namespace of the arrays."""
    kernel: Kernel | None
    """The kernel that computes the log-sum-exps."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The arguments of a loss, whose names, shapes and dtypes fit each other.

    Args:
        rows: the embeddings as they were given, (B, D) by modality name.
        log_scale: ln(1 / temperature), a number, shape (), or several as the objective's `scales`
            say.
        objective: the objective.
        parts: for every modality of the objective that is not given, the names of its two parts.
        weights: the weights of the two parts of a fused modality, by its name.
        flags: (B,) booleans by the name of a modality or of a part: is the row present? A name
            that is missing here has all its rows.
        ids: (B,) integers, or None.
        captions: (B, F) features, or None.
        bias: what logits are shifted by, a number, shape (), or (M, M), or None.
        xp: the Array API namespace of the arrays.
        whole: whether this is the whole batch; else other processes may hold samples of it.
    """

    rows: Mapping[str, Array]
    log_scale: Array | float
    objective: Objective
    parts: Mapping[str, tuple[str, str]]
    weights: Mapping[str, Weights]
    flags: Mapping[str, Array]
    ids: Array | None
    captions: Array | None
    bias: Array | float | None
    xp: ArrayNamespace
    whole: bool

    @property
    def first(self) -> Array:
        """The rows of the first modality that is given, (B, D); all others are like these."""
        return next(iter(self.rows.values()))

    @property
    def dtype(self) -> object:
        """The dtype to compute in: that of the rows, or float32 for rows of 16 bits."""
        return at_least_32_bits(self.first.dtype, self.xp)


def at_least_32_bits(dtype: object, xp: ArrayNamespace) -> object:
    """The dtype to compute in: float32 for a narrower one."""
    return xp.float32 if xp.finfo(dtype).bits < 32 else dtype


def check_objective(objective: object) -> None:
    """Refuse what is no `Objective`, such as the name of a preset.

    Raises:
        InputTypeError: it is no `Objective`.
    """
    if not isinstance(objective, Objective):
        known = isinstance(objective, str) and objective in PRESETS
        call = f"preset({objective!r})" if known else "preset(NAME)"
        raise InputTypeError(
            f"objective is {objective!r}; wanted an Objective, such as gcl_spec.objective.{call}"
        )


def parts_of_fused(name: str) -> tuple[str, str] | None:
    """The two names in "a+b"; None for a name that is no pair.

    >>> parts_of_fused("image+text"), parts_of_fused("image")
    (('image', 'text'), None)
    """
    a, plus, b = name.partition("+")
    return (a, b) if plus and a and b else None


def may_be_fused(name: str, names: tuple[str, ...]) -> bool:
    """Whether a modality is "a+b" of two others, and so need not be given.

    >>> may_be_fused("a+b", ("a", "b", "a+b")), may_be_fused("a+b", ("a", "a+b"))
    (True, False)
    """
    parts = parts_of_fused(name)
    return parts is not None and all(part in names for part in parts)


def given_modalities(objective: Objective, count: int) -> tuple[str, ...]:
    """The names of `count` stacked embeddings: all modalities, or those that are not fused."""
    names = objective.modalities
    if count == len(names):
        return names
    plain = [name for name in names if not may_be_fused(name, names)]
    return tuple(plain) if count == len(plain) else names


def prepare(inputs: Inputs) -> Problem:
    """The problem that a kernel gets, with no blocks asked for yet.

    Its rows have 32 bits or more, and are zero where they are not present.
    """
    xp, flags, parts = inputs.xp, inputs.flags, inputs.parts
    rows = {name: _rows(x, flags.get(name), xp) for name, x in inputs.rows.items()}
    places = {name: i for i, name in enumerate(rows)}
    present_MB = None
    if flags:
        all_B = xp.ones_like(next(iter(flags.values())))
        present_MB = xp.stack([flags.get(name, all_B) for name in inputs.objective.modalities])
    captions = inputs.captions
    return Problem(
        rows=tuple(rows.values()),
        parts=tuple(
            (places[parts[name][0]], places[parts[name][1]]) if name in parts else places[name]
            for name in inputs.objective.modalities
        ),
        weights=_weights(rows, inputs),
        present=present_MB,
        ids=inputs.ids,
        positives=inputs.objective.duplicates == "positive",
        damp=None if captions is None else xp.astype(captions, inputs.dtype, copy=False),
    )


def _rows(x_BD: Array, present_B: Array | None, xp: ArrayNamespace) -> Array:
    """The rows in 32 bits or more, zero where absent: a NaN there would reach gradients."""
    x_BD = xp.astype(x_BD, at_least_32_bits(x_BD.dtype, xp), copy=False)
    if present_B is None:
        return x_BD
    return xp.where(present_B[:, None], x_BD, xp.zeros_like(x_BD))


def _weights(rows: Mapping[str, Array], inputs: Inputs) -> tuple[tuple[Array, Array], ...] | None:
    """The two weights of every fused modality, (B,) each; None where none of them is weighted."""
    if not inputs.weights or not inputs.parts:
        return None
    pairs = []
    for name, parts in inputs.parts.items():
        both = zip(parts, inputs.weights.get(name, (1.0, 1.0)), strict=True)
        a, b = (_per_row(w, rows[part], inputs.flags.get(part), inputs.xp) for part, w in both)
        pairs.append((a, b))
    return tuple(pairs)


def _per_row(
    weight: Array | float, x_BD: Array, present_B: Array | None, xp: ArrayNamespace
) -> Array:
    """A weight for each row, (B,), of a number, of shape () or (B,); 0 for rows that are absent."""
    ones_B = xp.ones_like(x_BD[:, 0])
    if isinstance(weight, Real):
        return ones_B * float(weight)
    weight_B = ones_B * xp.astype(weight, x_BD.dtype)
    return weight_B if present_B is None else xp.where(present_B, weight_B, xp.zeros_like(ones_B))
