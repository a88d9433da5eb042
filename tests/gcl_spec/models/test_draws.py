"""What a step draws depends on the run's seed, the step and the process, and on nothing else."""

import numpy as np

from gcl_spec.models.draws import kept_patches, step_seed


def test_seeds_differ() -> None:
    seeds = {step_seed(a, b, c) for a in range(5) for b in range(5) for c in range(5)}
    assert len(seeds) == 125
    assert max(seeds) < 2**31
    np.random.default_rng(0).random()
    assert step_seed(3, 4) == step_seed(3, 4, 0)


def test_one_patch_remains() -> None:
    assert [kept_patches(9, share) for share in (0.5, 0.89, 0.999)] == [4, 1, 1]
