"""The loss with the means of its directions, for logs."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from array_api_compat import torch as torch_namespace

from gcl_spec.blocks import Kernel
from gcl_spec.inputs import Weights
from gcl_spec.loss import contrastive_terms
from gcl_spec.objective import GCL, Objective
from gcl_spec.terms import direction_losses, mean_term, modality_gap
from gcl_torch.distributed import (
    GradientReduction,
    ProcessGroup,
    gathered,
    gradient_factor,
    in_words,
    shared_scale,
)
from gcl_torch.gram import GramKernel

__all__ = ["DirectionLosses", "gcl_terms"]


class DirectionLosses(NamedTuple):
    """A loss, the mean of each direction's terms by its name ("image->text"), and the gap."""

    loss: torch.Tensor
    directions: dict[str, torch.Tensor]
    gap: dict[str, torch.Tensor]
    """`gcl_spec.terms.modality_gap`"""


def gcl_terms(
    image: torch.Tensor,
    text: torch.Tensor,
    *,
    log_scale: torch.Tensor | float,
    objective: Objective = GCL,
    weights: Weights | None = None,
    present: Mapping[str, torch.Tensor] | None = None,
    ids: torch.Tensor | None = None,
    group: dist.ProcessGroup | None = None,
    reduction: GradientReduction = "mean",
) -> DirectionLosses:
    """`gcl_loss` and the losses of its directions, which are 0 where no sample has both parts.

    All numbers are those of the whole batch on every process.

    >>> found = gcl_terms(torch.eye(4), torch.eye(4), log_scale=0.0)
    >>> {name: round(x.item(), 2) for name, x in found.directions.items() if "+" not in name}
    {'image->text': 1.67, 'text->image': 1.67}
    """
    rows = [image, text]
    extras: dict[str, Any] = {"weights": weights, "present": present, "ids": ids}
    kernel: Kernel = GramKernel()
    if group is not None:
        processes = ProcessGroup(group)
        factor = gradient_factor(processes, reduction)
        alike = {"log_scale": log_scale, "objective": objective, "reduction": reduction, **extras}
        options = tuple((name, in_words(x)) for name, x in alike.items())
        log_scale = shared_scale(log_scale, processes, factor)
        rows, extras = gathered(rows, extras, processes, factor, options)
        kernel = GramKernel(processes=processes)
    if weights is not None:
        extras["weights"] = {"image+text": extras["weights"]}
    with torch.autocast(image.device.type, enabled=False):
        terms = contrastive_terms(
            {"image": rows[0], "text": rows[1]},
            log_scale=log_scale,
            objective=objective,
            xp=torch_namespace,
            kernel=kernel,
            **extras,
        )
        loss = mean_term(terms, objective, xp=torch_namespace)
    with torch.no_grad():
        directions = direction_losses(terms, objective, xp=torch_namespace)
        gap = modality_gap(rows[0], rows[1], extras["present"], xp=torch_namespace)
    return DirectionLosses(loss, directions, gap)
