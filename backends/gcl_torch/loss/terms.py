"""The loss with the means of its directions, for logs."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from array_api_compat import torch as torch_namespace

from gcl_spec.geometry import modality_gaps
from gcl_spec.loss.equation import contrastive_terms
from gcl_spec.loss.inputs import Weights
from gcl_spec.loss.terms import direction_losses, mean_term
from gcl_spec.objective import GCL, Objective
from gcl_torch.loss.choose_kernel import spread
from gcl_torch.loss.gathered_rows import GradientReduction

__all__ = ["DirectionLosses", "gcl_terms"]


class DirectionLosses(NamedTuple):
    """A loss with what it is made of."""

    loss: torch.Tensor
    """The loss, shape ()."""
    directions: dict[str, torch.Tensor]
    """The mean of each direction's terms, shape (), by its name ("image->text")."""
    gap: dict[str, torch.Tensor]
    """The distance and the cosine of the modalities' means, shape () each, by their names."""
    pairs: torch.Tensor
    """The samples that have both sides of each direction, (T,)."""


def gcl_terms(
    embeddings: Mapping[str, torch.Tensor],
    *,
    log_scale: torch.Tensor | float,
    objective: Objective = GCL,
    weights: Mapping[str, Weights] | None = None,
    present: Mapping[str, torch.Tensor] | None = None,
    ids: torch.Tensor | None = None,
    bias: torch.Tensor | float | None = None,
    group: dist.ProcessGroup | None = None,
    reduction: GradientReduction = "mean",
) -> DirectionLosses:
    """The loss of `gcl_torch.contrastive_loss`, whose arguments these are, and its directions'.

    A direction's loss is 0 where no sample has both of its sides. On every process all numbers are
    those of the whole batch.

    >>> terms = gcl_terms({"image": torch.eye(4), "text": torch.eye(4)}, log_scale=0.0)
    >>> {name: round(x.item(), 2) for name, x in terms.directions.items() if "+" not in name}
    {'image->text': 1.67, 'text->image': 1.67}
    """
    extras: dict[str, Any] = {"present": present, "ids": ids, "weights": weights, "bias": bias}
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
    return DirectionLosses(loss, directions, gap, terms.valid.sum(dim=1))
