"""Stacked rows, with one temperature for all directions, or one for each."""

from typing import Any

import numpy as np
import pytest
import torch

from gcl_reference.loss import Samples, gradients, loss
from gcl_spec.loss.stacked import stacked_loss
from gcl_spec.normalize import l2_normalize
from gcl_spec.objective import (
    CLIP,
    GCL,
    PAIRWISE,
    Objective,
)


def unit_rows(seed: int, *shape: int) -> np.ndarray[Any, Any]:
    return l2_normalize(np.random.default_rng(seed).normal(size=shape))


@pytest.mark.parametrize("objective", [GCL, PAIRWISE, CLIP, Objective(balance="direction")])
def test_a_temperature_for_each_direction(objective: Objective) -> None:
    rows = unit_rows(8, len(objective.modalities), 6, 5)
    scales = np.linspace(0.5, 3.0, len(objective.directions))
    samples = Samples(rows, objective)
    want = gradients(samples, scales)
    for t in range(len(scales)):
        step = scales.astype(complex)
        step[t] += 1e-30j
        derivative = loss(samples, step).imag / 1e-30
        assert derivative == pytest.approx(want.dlog_scale[t], rel=1e-9, abs=1e-12)
    z = torch.tensor(rows, requires_grad=True)
    s = torch.tensor(scales, requires_grad=True)
    found = stacked_loss(z, s, objective=objective)
    found.backward()
    assert found.item() == pytest.approx(want.loss, rel=1e-12)
    np.testing.assert_allclose(z.grad.numpy(), want.grads, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(s.grad.numpy(), want.dlog_scale, rtol=1e-9, atol=1e-12)
    equal = stacked_loss(rows, np.full(len(scales), 1.5), objective=objective)
    assert float(equal) == pytest.approx(float(stacked_loss(rows, 1.5, objective=objective)))
