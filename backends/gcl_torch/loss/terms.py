"""The loss with the means of its directions, for logs."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from array_api_compat import torch as torch_namespace

from gcl_spec.loss.equation import contrastive_terms
from gcl_spec.loss.inputs import Weights
from gcl_spec.loss.terms import direction_losses, mean_term, modality_gaps
from gcl_spec.objective import GCL, Objective
from gcl_torch.loss.choose_kernel import spread
from gcl_torch.loss.gathered_rows import GradientReduction

__all__ = ["DirectionLosses", "gcl_terms"]


class DirectionLosses(NamedTuple):
    """A loss, the mean of each direction's terms by its name ("image->text"), and the gap."""

    loss: torch.Tensor
    directions: dict[str, torch.Tensor]
    gap: dict[str, torch.Tensor]
    """`gcl_spec.loss.terms.modality_gaps`"""


def gcl_terms(
    embeddings: Mapping[str, torch.Tensor],
    *,
    log_scale: torch.Tensor | float,
    objective: Objective = GCL,
    weights: Mapping[str, Weights] | None = None,
    present: Mapping[str, torch.Tensor] | None = None,
    ids: torch.Tensor | None = None,
    group: dist.ProcessGroup | None = None,
    reduction: GradientReduction = "mean",
) -> DirectionLosses:
    """`contrastive_loss` and the losses of its directions, 0 where no sample has both parts.

    All numbers are those of the whole batch on every process. The arguments are those of
    `gcl_torch.contrastive_loss`.

    >>> found = gcl_terms({"image": torch.eye(4), "text": torch.eye(4)}, log_scale=0.0)
    >>> {name: round(x.item(), 2) for name, x in found.directions.items() if "+" not in name}
    {'image->text': 1.67, 'text->image': 1.67}
    """
    extras: dict[str, Any] = {"present": present, "ids": ids, "weights": weights}
    first = next(iter(embeddings.values()))
    with torch.autocast(first.device.type, enabled=False):
        rows, scale, every, kernel = spread(
            embeddings, log_scale, objective, extras, group=group, reduction=reduction
        )
        terms = contrastive_terms(
            rows,
            log_scale=scale,
            objective=objective,
            xp=torch_namespace,
            kernel=kernel,
            **every,
        )
        loss = mean_term(terms, objective, xp=torch_namespace)
    with torch.no_grad():
        directions = direction_losses(terms, objective, xp=torch_namespace)
        gap = modality_gaps(rows, every["present"], xp=torch_namespace)
    return DirectionLosses(loss, directions, gap)
