"""AdamW with the arithmetic of torch.optim.AdamW, on parameters by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gcl_jax.models.functional import Params
from gcl_spec.config.options import OptimConfig
from gcl_spec.train.optimizer_rules import decays, lr_ratio

__all__ = ["AdamW", "Optimizer"]


class Optimizer(NamedTuple):
    """The steps done, and the decaying means of the gradient and of its square, by parameter."""

    count: Any
    exp_avg: Mapping[str, Any]
    exp_avg_sq: Mapping[str, Any]


@dataclass(frozen=True)
class AdamW:
    """AdamW (Loshchilov and Hutter, arXiv 1711.05101, algorithm 2).

    Rules that do the same to the same parameters are equal, whatever the schedule.

    beta1, beta2, eps, clip_norm: as in `gcl_spec.config.options.OptimConfig`. decays: the weight
    decay of each parameter. lr_ratios: each parameter's learning rate over the schedule's.
    """

    beta1: float
    beta2: float
    eps: float
    clip_norm: float
    decays: tuple[tuple[str, float], ...]
    lr_ratios: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, optim: OptimConfig, ndims: Mapping[str, int]) -> "AdamW":
        """The rules for parameters, by name, of these numbers of axes."""
        return cls(
            *(optim.beta1, optim.beta2, optim.eps, optim.clip_norm),
            tuple((n, optim.weight_decay if decays(n, ndim) else 0.0) for n, ndim in ndims.items()),
            tuple((n, lr_ratio(n, optim)) for n in ndims),
        )

    def start(self, params: Params) -> Optimizer:
        """The state before the first step, all zeros."""
        zeros = {name: np.zeros(x.shape, np.float32) for name, x in params.items()}
        return Optimizer(np.asarray(0, np.int32), zeros, {n: x.copy() for n, x in zeros.items()})

    def update(
        self, grads: Params, state: Optimizer, params: Params, lr: jax.Array
    ) -> tuple[Params, Optimizer]:
        """Parameters and moments after a step with the schedule's learning rate `lr`, shape ().

        With the gradient g, m = b1 m + (1 - b1) g and v = b2 v + (1 - b2) g^2, a parameter p
        becomes p (1 - lr decay) - lr m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps) in step t (arXiv
        1711.05101, algorithm 2, with the decay times lr as in torch.optim.AdamW).
        """
        decay, ratio = dict(self.decays), dict(self.lr_ratios)
        adam = optax.scale_by_adam(self.beta1, self.beta2, self.eps)
        held = optax.ScaleByAdamState(state.count, dict(state.exp_avg), dict(state.exp_avg_sq))
        directions, held = adam.update(grads, held)
        new = {n: x - lr * ratio[n] * (directions[n] + decay[n] * x) for n, x in params.items()}
        return new, Optimizer(held.count, held.mu, held.nu)

    def cut(self, grads: Params, norm: jax.Array) -> Params:
        """Gradients of a norm of at most `optim.clip_norm`, as torch's `clip_grad_norm_` has it.

        Args:
            grads: by name, of the shapes of the parameters.
            norm: the norm of all gradients, shape ().
        """
        if not self.clip_norm:
            return grads
        factor = jnp.minimum(1.0, self.clip_norm / (norm + 1e-6))
        return {name: g * factor for name, g in grads.items()}
