"""What the optimisers of all backends share: the rate of each step, and what decays."""

from math import cos, pi

from gcl_spec.config.options import OptimConfig

__all__ = ["decays", "learning_rate", "lr_ratio"]


def learning_rate(step: int, *, steps: int, optim: OptimConfig) -> float:
    """Rate of step `step`, from 0, of `steps`: linear warm-up to the peak, half a cosine to 0.

    The warm-up is at most the whole run. The first step has a rate above 0, the last one too.

    >>> optim = OptimConfig(lr=1.0, warmup_steps=2)
    >>> [round(learning_rate(step, steps=6, optim=optim), 3) for step in range(6)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146]
    """
    warmup = min(optim.warmup_steps, steps)
    if step < warmup:
        return optim.lr * (step + 1) / warmup
    return optim.lr * 0.5 * (1 + cos(pi * (step - warmup) / (steps - warmup)))


def decays(ndim: int) -> bool:
    """Has this parameter weight decay? Matrices and filters have; biases, norms, log_scale not."""
    return ndim >= 2


def lr_ratio(name: str, optim: OptimConfig) -> float:
    """The parameter's learning rate by the schedule's: towers under heads have their own peak."""
    return optim.tower_lr / optim.lr if "_tower." in name else 1.0
