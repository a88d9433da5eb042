"""Training with several processes is training with one."""

import numpy as np
import pytest

from processes import run
from trainer_cases import skip, train

STEPS = 4


@pytest.mark.parametrize(
    ("size", "sets"),
    [
        (2, []),
        (3, ["train.microbatch=2", "optim.clip_norm=0.5"]),
        (2, ["optim.ema=0.9", "objective.preset=clip", "model.fuse=unit"]),
        (2, ["model.fuse=learned", "train.microbatch=4", "objective.bias=pair"]),
        (3, ["model.fuse=centred", "train.microbatch=2"]),
    ],
)
def test_processes_train_as_one_would(size: int, sets: list[str]) -> None:
    want = train(0, 1, sets, STEPS)
    found = run(train, size, size, sets, STEPS)
    for one in found:
        for step, (a, b) in enumerate(zip(want["values"], one["values"], strict=True)):
            assert a.keys() == b.keys()
            for name in a:
                assert b[name] == pytest.approx(a[name], rel=2e-5, abs=1e-6), (step, name)
        for name, x in want["state"].items():
            if name.startswith(("params/", "buffers/")):
                # AdamW divides by the root of squares: what is nearly zero may go either way.
                assert np.mean(np.abs(one["state"][name] - x)) < 1e-5, name
            assert np.array_equal(one["state"][name], found[0]["state"][name]), name


@pytest.mark.parametrize("sets", [[], ["model.fuse=learned", "objective.bias=pair"]])
def test_all_skip_the_step_in_which_one_has_a_row_that_is_not_finite(sets: list[str]) -> None:
    for values in run(skip, 2, 2, sets):
        assert values == [1.0, 0.0]
