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
    """Steps done, and the decaying means of the gradient and of its square, by parameter."""

    count: Any
    exp_avg: Mapping[str, Any]
    exp_avg_sq: Mapping[str, Any]


@dataclass(frozen=True)
class AdamW:
    """Loshchilov and Hutter, arXiv 1711.05101; weight decay and rate differ between parameters."""

    optim: OptimConfig
    decay: Mapping[str, float]
    lr_ratio: Mapping[str, float]

    @classmethod
    def of(cls, optim: OptimConfig, ndims: Mapping[str, int]) -> "AdamW":
        """The rules for parameters of these numbers of axes."""
        decay = {n: optim.weight_decay if decays(ndim) else 0.0 for n, ndim in ndims.items()}
        return cls(optim, decay, {n: lr_ratio(n, optim) for n in ndims})

    def start(self, params: Params) -> Optimizer:
        """Before the first step."""
        zeros = {name: np.zeros(x.shape, np.float32) for name, x in params.items()}
        return Optimizer(np.asarray(0, np.int32), zeros, {n: x.copy() for n, x in zeros.items()})

    def update(
        self, grads: Params, state: Optimizer, params: Params, lr: jax.Array
    ) -> tuple[Params, Optimizer]:
        """Parameters and moments after a step; lr is that of the schedule."""
        optim = self.optim
        adam = optax.scale_by_adam(optim.beta1, optim.beta2, optim.eps)
        held = optax.ScaleByAdamState(state.count, dict(state.exp_avg), dict(state.exp_avg_sq))
        directions, held = adam.update(grads, held)
        new = {
            n: x - lr * self.lr_ratio[n] * (directions[n] + self.decay[n] * x)
            for n, x in params.items()
        }
        return new, Optimizer(held.count, held.mu, held.nu)

    def cut(self, grads: Params, norm: jax.Array) -> Params:
        """Gradients of at most `optim.clip_norm`, as torch.nn.utils.clip_grad_norm_ has it."""
        if not self.optim.clip_norm:
            return grads
        factor = jnp.minimum(1.0, self.optim.clip_norm / (norm + 1e-6))
        return {name: g * factor for name, g in grads.items()}
