"""What changes parameters in a step: AdamW, and the rule of a bias that holds shares."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from array_api_compat import torch as torch_namespace

from gcl_spec.config.options import ObjectiveConfig, OptimConfig
from gcl_spec.loss.shares import balanced_bias
from gcl_spec.objective import Objective
from gcl_spec.train.optimizer_rules import decays, lr_ratio

__all__ = ["BalancedBias", "make_optimizer"]


def make_optimizer(
    trained: Mapping[str, torch.nn.Parameter], optim: OptimConfig, *, sharded: bool
) -> torch.optim.AdamW:
    """AdamW with a group of parameters for each decay and learning rate.

    Args:
        trained: the parameters by name.
        optim: the rates and decays.
        sharded: whether parameters are spread over processes.
    """
    groups: dict[tuple[bool, float], list[torch.nn.Parameter]] = {}
    for name, parameter in trained.items():
        key = (decays(name, parameter.ndim), lr_ratio(name, optim))
        groups.setdefault(key, []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "weight_decay": optim.weight_decay if decayed else 0.0,
                "lr_ratio": ratio,
            }
            for (decayed, ratio), parameters in groups.items()
        ],
        lr=optim.lr,
        betas=(optim.beta1, optim.beta2),
        eps=optim.eps,
        foreach=False if sharded else None,  # it takes no mixture of spread and whole tensors
    )


@dataclass(frozen=True)
class BalancedBias:
    """A bias, (M, M), that follows `gcl_spec.loss.shares` in the place of the optimiser.

    It is made before gradients are cut and the optimiser steps.

    bias: the parameter.
    before: its value in the step, (M, M).
    gradient: the gradient of the step's loss by it, (M, M).
    objective: the objective.
    shares: the wanted shares by modality.
    """

    bias: torch.nn.Parameter
    before: torch.Tensor
    gradient: torch.Tensor
    objective: Objective
    shares: Mapping[str, float]

    @classmethod
    def of(
        cls, bias: torch.nn.Parameter | None, options: ObjectiveConfig, objective: Objective
    ) -> "BalancedBias | None":
        """The bias of a model, (M, M); None where the options let the optimiser learn it."""
        if options.bias != "share" or bias is None or bias.grad is None:
            return None
        before, gradient = bias.detach().clone(), bias.grad.detach().clone()
        return cls(bias, before, gradient, objective, options.shares)

    @torch.no_grad()
    def move(self, pairs: torch.Tensor) -> None:
        """Move the bias; `pairs` (T,) are the samples that had both sides of each direction."""
        self.bias.copy_(
            balanced_bias(
                self.before,
                self.gradient,
                pairs,
                self.objective,
                self.shares,
                xp=torch_namespace,
            )
        )
