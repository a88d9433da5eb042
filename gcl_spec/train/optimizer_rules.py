"""The learning rate as a pure function of the step."""

from math import cos, pi

from gcl_spec.config.options import OptimConfig

__all__ = ["learning_rate"]


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
