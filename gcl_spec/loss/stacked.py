"""The objective on embeddings that are stacked in one array, (M, B, D): what backends compute."""

from typing import Any, TypedDict, Unpack

from array_api_compat import array_namespace

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.loss.call import LossArguments, arrays_of
from gcl_spec.loss.check_shapes import check_stack
from gcl_spec.loss.equation import checked, contrastive_loss, contrastive_terms
from gcl_spec.loss.inputs import LossOptions, check_objective, given_modalities, may_be_fused
from gcl_spec.loss.kernel import Kernel
from gcl_spec.loss.terms import LossTerms
from gcl_spec.objective import Objective

__all__ = [
    "StackedOptions",
    "check_stacked",
    "spread_call",
    "stacked_loss",
    "stacked_options",
    "stacked_terms",
    "unstacked",
]


class StackedOptions(TypedDict, total=False):
    """The further options of `stacked_loss`."""

    present_MB: Array | None
    """(M, B) booleans."""
    ids_B: Array | None
    """(B,) integers."""
    weights: Array | None
    """(F, 2, B), of the two parts of each of the F modalities that are not given."""
    bias: Array | float | None
    """A number, shape (), or (M, M)."""
    xp: ArrayNamespace | None
    """The Array API namespace of the arrays."""
    kernel: Kernel | None
    """The kernel that computes the log-sum-exps."""


def stacked_loss(
    z_MBD: Array,
    log_scale: Array | float,
    *,
    objective: Objective,
    **options: Unpack[StackedOptions],
) -> Array:
    """The objective on rows stacked in the order of `objective.modalities`.

    Args:
        z_MBD: shape (M, B, D), or (M - F, B, D) without the F modalities "a+b" of two others, which
            are then made of their parts.
        log_scale: a number, shape (), or (T,), as in `gcl_spec.loss.gcl_loss`.
        objective: the objective, of M modalities.
        options: what `StackedOptions` says of the samples; `xp` and `kernel` as in `gcl_loss`.

    Returns:
        0-d array.

    Raises:
        InputError: as `gcl_loss`.
    """
    rows, further = unstacked(z_MBD, objective, **options)
    return contrastive_loss(rows, log_scale=log_scale, objective=objective, **further)


def stacked_terms(
    z_MBD: Array,
    log_scale: Array | float,
    *,
    objective: Objective,
    **options: Unpack[StackedOptions],
) -> LossTerms:
    """The loss of every direction and sample, (T, B), before the mean.

    The arguments, their shapes and the errors are those of `stacked_loss`.
    """
    rows, further = unstacked(z_MBD, objective, **options)
    return contrastive_terms(rows, log_scale=log_scale, objective=objective, **further)


def check_stacked(
    z_MBD: Array,
    log_scale: Array | float,
    *,
    objective: Objective,
    **options: Unpack[StackedOptions],
) -> None:
    """Refuse what `stacked_loss` refuses, whose arguments these are, before it is compiled."""
    rows, further = unstacked(z_MBD, objective, **options)
    checked(rows, log_scale=log_scale, objective=objective, **further)


def unstacked(
    z_MBD: Array, objective: Objective, **options: Unpack[StackedOptions]
) -> tuple[dict[str, Array], LossOptions]:
    """The arguments of `stacked_loss` as `contrastive_loss` takes them: rows by modality, options.

    Args:
        z_MBD: (M, B, D), or without the modalities that are made of their parts.
        objective: the objective, of M modalities.
        options: as in `stacked_loss`.

    Returns:
        The rows, (B, D) each, and the options with (B,) flags and weights.

    Raises:
        InputError: shapes that do not fit the objective.
    """
    xp = options.get("xp") or array_namespace(z_MBD)
    present_MB = options.get("present_MB")
    weights = options.get("weights")
    check_objective(objective)
    given = sum(not may_be_fused(name, objective.modalities) for name in objective.modalities)
    check_stack(z_MBD, given, objective, present_MB, weights, xp)
    names = given_modalities(objective, z_MBD.shape[0])
    further = LossOptions(
        ids=options.get("ids_B"), bias=options.get("bias"), xp=xp, kernel=options.get("kernel")
    )
    if present_MB is not None:
        flags = {name: present_MB[m, ...] for m, name in enumerate(objective.modalities)}
        further["present"] = flags
    if weights is not None:
        fused = [name for name in objective.modalities if name not in names]
        further["weights"] = {
            name: (weights[f, 0, ...], weights[f, 1, ...]) for f, name in enumerate(fused)
        }
    return {name: z_MBD[m, ...] for m, name in enumerate(names)}, further


def stacked_options(
    arguments: LossArguments, *, xp: ArrayNamespace, kernel: Kernel | None = None
) -> StackedOptions:
    """The arguments of a backend's `loss_and_grads` as the options of `stacked_loss`.

    Args:
        arguments: the objective, the tile, which are left out, and arrays of the shapes that
            `LossArguments` says.
        xp: the Array API namespace of the arrays.
        kernel: the kernel that computes the log-sum-exps.
    """
    named = {"present": "present_MB", "ids": "ids_B"}
    arrays: Any = {named.get(name, name): x for name, x in arrays_of(arguments).items()}
    options: StackedOptions = arrays | {"xp": xp, "kernel": kernel}
    return options


def spread_call(
    z_MBD: Array, arguments: LossArguments, *, xp: ArrayNamespace
) -> tuple[dict[str, Array], dict[str, Any]]:
    """What a framework's own `contrastive_loss` takes: rows by modality, and named arguments.

    A backend that spreads a batch calls its `contrastive_loss` with these on each share, and adds
    log_scale and what says how the batch is spread.

    Args:
        z_MBD: (M, B, D), or without the modalities that are made of their parts.
        arguments: the named arguments of `loss_and_grads`, of the same B samples.
        xp: the Array API namespace of the arrays.

    Returns:
        The rows, (B, D) each, and the objective, the tile and every array that is given.

    Raises:
        InputError: shapes that do not fit the objective.
    """
    objective, tile = arguments["objective"], arguments.get("tile")
    rows, options = unstacked(z_MBD, objective, **stacked_options(arguments, xp=xp))
    arrays = {name: x for name, x in options.items() if name not in ("xp", "kernel")}
    return rows, {"objective": objective, "tile": tile, **arrays}
