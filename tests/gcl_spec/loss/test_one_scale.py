"""Kernels that know one scale are asked once for each."""

from typing import Any

import numpy as np
import pytest

from gcl_spec.errors import InputError
from gcl_spec.loss.equation import contrastive_loss
from gcl_spec.loss.plain import plain_blocks
from gcl_spec.loss.problem import Blocks, Problem
from gcl_spec.objective import Objective

ROWS = {name: np.random.default_rng(m).normal(size=(5, 4)) for m, name in enumerate("ab")}
RULE = Objective(modalities=("a", "b"), scales="pair", hardness=0.5)
SCALES = np.asarray([[0.1, 0.2], [0.3, 0.4]])


def test_several_scales_are_asked_one_by_one() -> None:
    asked = []

    def kernel(problem: Problem, scale: Any, /, *, xp: Any) -> Blocks:
        assert problem.places == ()
        asked.append(float(scale))
        return plain_blocks(problem, scale, xp=xp)

    found = contrastive_loss(ROWS, log_scale=SCALES, objective=RULE, kernel=kernel)
    assert found == pytest.approx(contrastive_loss(ROWS, log_scale=SCALES, objective=RULE))
    assert sorted(asked) == pytest.approx([0.5, *(np.exp(SCALES.ravel()) + 0.5)])


def test_a_sigmoid_is_not_asked_of_a_kernel_without_one() -> None:
    def kernel(problem: Problem, scale: Any, /, *, xp: Any) -> Blocks:
        return plain_blocks(problem, scale, xp=xp)

    rule = Objective(modalities=("a", "b"), loss="sigmoid")
    with pytest.raises(InputError, match="no sigmoid loss"):
        contrastive_loss(ROWS, log_scale=0.0, objective=rule, kernel=kernel)
