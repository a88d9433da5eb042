"""The reference's closed-form gradients against complex-step differentiation of its loss."""

import numpy as np
import pytest
from hypothesis import given, settings

from gcl_reference.fusion import Fusion
from gcl_reference.loss import Samples, gradients, loss
from gcl_spec.conformance.cases.fixed import Case
from gcl_spec.conformance.cases.strategies import cases
from gcl_spec.objective import SEPARATION, Objective

STEP = 1e-30


@settings(max_examples=15)
@given(cases())
def test_gradients_are_the_complex_step_derivative(case: Case) -> None:
    """Im f(x + ih) / h has no cancellation, so the derivative is exact to rounding."""
    samples = Samples(case.z_MBD, case.objective, case.present, case.ids)
    found = gradients(samples, case.log_scale, case.bias)
    size = max(1.0, float(np.abs(found.grads).max()))
    for place in np.ndindex(case.z_MBD.shape):
        z = case.z_MBD.astype(complex)
        z[place] += 1j * STEP
        samples = Samples(z, case.objective, case.present, case.ids)
        derivative = loss(samples, case.log_scale, case.bias).imag / STEP
        assert derivative == pytest.approx(found.grads[place], rel=1e-9, abs=1e-11 * size)


@pytest.mark.parametrize("weighted", [False, True])
def test_gradients_through_a_fusion_are_the_complex_step_derivative(weighted: bool) -> None:
    rng = np.random.default_rng(0)
    objective = Objective(modalities=("image", "text", "video", "video+text", "image+text"))
    z_CBD = rng.normal(size=(3, 4, 5))
    present = rng.random((5, 4)) > 0.2
    present[:, 0] = True
    weights = rng.uniform(0.3, 2, size=(2, 2, 4)) if weighted else None
    fusion = Fusion(z_CBD, objective, present, weights)
    found = fusion.pull_back(gradients(Samples(fusion.z_MBD, objective, present), 1.0).grads)
    for place in np.ndindex(z_CBD.shape):
        z = z_CBD.astype(complex)
        z[place] += 1j * STEP
        rows = Fusion(z, objective, present, weights).z_MBD
        derivative = loss(Samples(rows, objective, present), 1.0).imag / STEP
        assert derivative == pytest.approx(found[place], rel=1e-9, abs=1e-11)


def test_gradients_beside_captions_are_the_complex_step_derivative() -> None:
    """Similarities within one modality are times 1 - s_j . s_k (AlignCLIP, arXiv 2406.17639)."""
    rng = np.random.default_rng(0)
    z_MBD, captions = rng.normal(size=(2, 4, 5)), rng.normal(size=(4, 3)) / 2
    found = gradients(Samples(z_MBD, SEPARATION, captions=captions), 1.0)
    for place in np.ndindex(z_MBD.shape):
        z = z_MBD.astype(complex)
        z[place] += 1j * STEP
        derivative = loss(Samples(z, SEPARATION, captions=captions), 1.0).imag / STEP
        assert derivative == pytest.approx(found.grads[place], rel=1e-9, abs=1e-11)


@given(cases())
def test_temperature_gradient_is_the_complex_step_derivative(case: Case) -> None:
    """And that of every bias."""
    samples = Samples(case.z_MBD, case.objective, case.present, case.ids)
    found = gradients(samples, case.log_scale, case.bias)
    given = {"log_scale": np.asarray(case.log_scale), "bias": case.bias}
    for name, right in (("log_scale", found.dlog_scale), ("bias", found.dbias)):
        for place in np.ndindex(right.shape) if given[name] is not None else ():
            moved = given[name].astype(complex)
            moved[place] += 1j * STEP
            derivative = loss(samples, **(given | {name: moved})).imag / STEP
            assert derivative == pytest.approx(right[place], rel=1e-9, abs=1e-9)
