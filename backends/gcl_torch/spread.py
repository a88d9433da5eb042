"""How a loss is computed: which kernel, and on the rows of which processes."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypedDict, Unpack

import torch
import torch.distributed as dist

from gcl_spec.blocks import Kernel
from gcl_spec.errors import InputError
from gcl_spec.objective import Objective
from gcl_torch.distributed import (
    GradientReduction,
    ProcessGroup,
    gathered,
    gradient_factor,
    in_words,
    shared_scale,
)
from gcl_torch.gram import CACHE_BYTES, GramKernel, Operands
from gcl_torch.ring import RingKernel

__all__ = ["KernelOptions", "Spread", "spread"]


class KernelOptions(TypedDict, total=False):
    """The options of `gcl_torch.gcl_loss` that change how it is computed, not what."""

    tile: int | None
    cache_bytes: int
    group: dist.ProcessGroup | None
    reduction: GradientReduction
    operands: Operands | None
    ring: bool


class Spread(NamedTuple):
    """What the neutral loss is to be called with."""

    rows: dict[str, torch.Tensor]
    log_scale: torch.Tensor | float
    extras: dict[str, Any]
    kernel: Kernel


def spread(
    rows: Mapping[str, torch.Tensor],
    log_scale: torch.Tensor | float,
    objective: Objective,
    extras: Mapping[str, Any],
    **options: Unpack[KernelOptions],
) -> Spread:
    """The rows by modality, and all else that has samples, of every process of `group`.

    Raises:
        InputError: options that differ between processes; `operands` with `ring`.
    """
    tile, operands = options.get("tile"), options.get("operands")
    cache_bytes = options.get("cache_bytes", CACHE_BYTES)
    group, ring = options.get("group"), options.get("ring", False)
    if group is None:
        kernel = GramKernel(tile, cache_bytes, operands=operands)
        return Spread(dict(rows), log_scale, dict(extras), kernel)
    processes, reduction = ProcessGroup(group), options.get("reduction", "mean")
    factor = gradient_factor(processes, reduction)
    alike = {"rows": rows, "log_scale": log_scale, "objective": objective, **extras}
    alike |= {"tile": tile, "reduction": reduction, "operands": operands, "ring": ring}
    words = tuple((name, in_words(x)) for name, x in alike.items())
    scale = shared_scale(log_scale, processes, factor)
    if not ring:
        every = gathered({"rows": rows, **extras}, processes, factor, words)
        kernel = GramKernel(tile, cache_bytes, processes, operands)
        return Spread(every.pop("rows"), scale, every, kernel)
    if operands is not None:
        raise InputError("rows that travel the ring are not rounded; leave `operands` out")
    return Spread(dict(rows), scale, dict(extras), RingKernel(processes, factor, tile, words))
