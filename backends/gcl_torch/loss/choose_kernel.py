"""The choice of how a loss is computed: by which kernel, on the rows of which processes."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypedDict, Unpack, get_args

import torch
import torch.distributed as dist

from gcl_spec.errors import GclError, InputError
from gcl_spec.loss.equation import checked
from gcl_spec.loss.kernel import Kernel
from gcl_spec.objective import Objective
from gcl_torch.loss.gathered_rows import (
    GradientReduction,
    ProcessGroup,
    gathered,
    gradient_factor,
    in_words,
    shared_scale,
)
from gcl_torch.loss.kernel import CACHE_BYTES, GramKernel, Operands
from gcl_torch.loss.ring import RingKernel

__all__ = ["KernelOptions", "Spread", "spread"]


class KernelOptions(TypedDict, total=False):
    """The options of `gcl_torch.gcl_loss` that change how it is computed, not what."""

    tile: int | None
    """The samples of a tile."""
    cache_bytes: int
    """The memory for products of tiles that backward need not compute again."""
    group: dist.ProcessGroup | Literal["world"] | None
    """The processes over which the batch is spread."""
    reduction: GradientReduction
    """The way in which gradients of parameters are reduced over these processes."""
    operands: Operands | None
    """The format that factors of products are rounded to."""
    ring: bool
    """Whether blocks of rows travel, instead of all rows being gathered."""


class Spread(NamedTuple):
    """The arguments that the neutral loss is to be called with."""

    rows: dict[str, torch.Tensor]
    """The rows by modality, (B, D) each."""
    log_scale: torch.Tensor | float
    """ln(1 / temperature): a number, shape (), or as the objective's `scales` say."""
    extras: dict[str, Any]
    """Further options: weights, flags, ids and captions' features of samples, and the bias."""
    kernel: Kernel
    """The kernel that computes the blocks of the loss."""


def spread(
    rows: Mapping[str, torch.Tensor],
    log_scale: torch.Tensor | float,
    objective: Objective,
    extras: Mapping[str, Any],
    **options: Unpack[KernelOptions],
) -> Spread:
    """The rows by modality, and all else that has samples, of every process of `group`.

    Args:
        rows: this process's rows by modality, (B, D) each.
        log_scale: a number, shape (), or (T,).
        objective: the objective.
        extras: this process's further options: those that have samples, (B, ...) each, and the
            bias, which has none.
        options: the options of how it is computed.

    Raises:
        InputError: options that differ between processes, or that go with no other; on every
            process what is wrong with the input of one.
    """
    group = _checked(options)
    tile, operands = options.get("tile"), options.get("operands")
    cache_bytes, ring = options.get("cache_bytes", CACHE_BYTES), options.get("ring", False)
    if group is None:
        alone = GramKernel(tile, cache_bytes, operands=operands)
        return Spread(dict(rows), log_scale, dict(extras), alone)
    processes, reduction = ProcessGroup(group), options.get("reduction", "mean")
    factor = gradient_factor(processes, reduction)
    alike = {"rows": rows, "log_scale": log_scale, "objective": objective, **extras}
    alike |= {"tile": tile, "reduction": reduction, "operands": operands, "ring": ring}
    words = tuple((name, in_words(x)) for name, x in alike.items())
    scale = shared_scale(log_scale, processes, factor)
    of_samples = {name: x for name, x in extras.items() if name != "bias"}
    bias = {"bias": shared_scale(extras.get("bias"), processes, factor)}
    if not ring:
        every = gathered({"rows": rows, **of_samples}, processes, factor, words)
        shared = GramKernel(tile, cache_bytes, processes, operands)
        return Spread(every.pop("rows"), scale, every | bias, shared)
    first = next(iter(rows.values()))
    problem = _problem(rows, log_scale, objective, extras)
    sizes = processes.sizes(first.shape[0], first.device, words, problem)
    if operands is not None:
        raise InputError("rows that travel the ring are not rounded; leave `operands` out")
    kernel = RingKernel(processes, factor, tuple(sizes), tile)
    return Spread(dict(rows), scale, of_samples | bias, kernel)


def _checked(options: KernelOptions) -> dist.ProcessGroup | None:
    """The process group that the options name, when the options make sense together."""
    tile, group = options.get("tile"), options.get("group")
    operands, reduction = options.get("operands"), options.get("reduction", "mean")
    if tile is not None and tile < 1:
        raise InputError(f"tile = {tile}: must be 1 or more samples")
    if operands not in (None, *get_args(Operands)):
        raise InputError(f"operands = {operands!r}: must be bfloat16, or None")
    if reduction not in get_args(GradientReduction):
        raise InputError(f"reduction = {reduction!r}: must be mean or sum")
    if group == "world":
        if not dist.is_initialized():
            raise InputError("group = 'world': call torch.distributed.init_process_group first")
        return dist.group.WORLD
    if group is None and options.get("ring"):
        raise InputError("ring = True needs a group, such as 'world'")
    return group


def _problem(
    rows: Mapping[str, torch.Tensor],
    log_scale: torch.Tensor | float,
    objective: Objective,
    extras: Mapping[str, Any],
) -> str:
    """The error of this process's own input in words; empty where all is well."""
    try:
        checked(rows, log_scale=log_scale, objective=objective, whole=False, **extras)
    except GclError as error:
        return str(error)
    return ""
