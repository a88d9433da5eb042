"""Rules that the optimisers of all backends share: the rate of each step, and what decays."""

from math import cos, pi

from gcl_spec.config.options import OptimConfig
from gcl_spec.models.start import IN_THE_LOSS

__all__ = ["decays", "learning_rate", "lr_ratio"]


def learning_rate(step: int, *, steps: int, optim: OptimConfig) -> float:
    """The learning rate of a step: linear warm-up to the peak, then half a cosine to 0.

    After w steps of warm-up it is lr (1 + cos(pi t)) / 2, where t goes from 0 to 1 over the other
    steps (Loshchilov and Hutter, SGDR, arXiv 1608.03983, equation 5, without restarts). The first
    and the last step have a rate above 0.

    Args:
        step: the number of the step, from 0.
        steps: the steps of the whole run; the warm-up is at most as long.
        optim: has the peak and the warm-up.

    >>> optim = OptimConfig(lr=1.0, warmup_steps=2)
    >>> [round(learning_rate(step, steps=6, optim=optim), 3) for step in range(6)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146]
    """
    warmup = min(optim.warmup_steps, steps)
    if step < warmup:
        return optim.lr * (step + 1) / warmup
    return optim.lr * 0.5 * (1 + cos(pi * (step - warmup) / (steps - warmup)))


def decays(name: str, ndim: int) -> bool:
    """Has a parameter of this name and number of axes weight decay?

    Matrices and filters have; biases, norms and what the loss takes have not, as in CLIP
    (arXiv 2103.00020, section 2.5).
    """
    return ndim >= 2 and name not in IN_THE_LOSS


def lr_ratio(name: str, optim: OptimConfig) -> float:
    """A parameter's learning rate over that of the schedule, since towers have their own peak."""
    return optim.tower_lr / optim.lr if "_tower." in name else 1.0
