"""The seed of the random numbers that a step of the training draws, for dropout and patches."""

import numpy as np

__all__ = ["kept_patches", "step_seed"]


def step_seed(seed: int, step: int, rank: int = 0) -> int:
    """The seed of one step, so that a run that goes on draws what an unbroken one does.

    Args:
        seed: that of the run.
        step: the number of the step.
        rank: the place of the process, where each draws for its own samples.

    >>> step_seed(0, 1) == step_seed(0, 1), step_seed(0, 1) == step_seed(0, 2)
    (True, False)
    """
    words = np.random.SeedSequence((seed, step, rank)).generate_state(1)
    return int(words[0]) >> 1  # every framework takes 31 bits


def kept_patches(patches: int, dropout: float) -> int:
    """The number of patches that remain: max(1, int(n (1 - p))), as in EVA-CLIP's PatchDropout.

    >>> kept_patches(196, 0.5), kept_patches(9, 0.99)
    (98, 1)
    """
    return max(1, int(patches * (1 - dropout)))
