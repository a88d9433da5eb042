"""Every declared backend against the reference, on fixed and on drawn cases."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from gcl_spec.backend import Backend
from gcl_spec.conformance import Case, check_case, fixed_cases
from gcl_spec.conformance.cases.fixed import quick_cases
from gcl_spec.conformance.cases.strategies import cases
from gcl_spec.loss.stacked import stacked_loss


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_fixed_cases(backend: Backend, reference: Backend, dtype: str) -> None:
    """All of them where it costs nothing; a backend that compiles each gets the quick ones.

    Those show every known bug (tests/gcl_spec/conformance/bugs); the others are those of
    `gcl verify-backends --thorough`.
    """
    chosen = quick_cases() if backend.name == "jax" else fixed_cases()
    for case in chosen:
        check_case(backend, reference, case, dtype=dtype, device=backend.devices()[0])


@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow])
@given(case=cases())
def test_drawn_cases(backend: Backend, reference: Backend, case: Case) -> None:
    for dtype in ("float64", "float32"):
        check_case(backend, reference, case, dtype=dtype, device=backend.devices()[0])


@given(case=cases())
def test_the_neutral_loss_is_the_reference(reference: Backend, case: Case) -> None:
    log_scale = np.asarray(case.log_scale)
    want = reference.loss_and_grads(
        case.z_MBD,
        log_scale,
        objective=case.objective,
        present=case.present,
        ids=case.ids,
        bias=case.bias,
    )
    found = stacked_loss(
        case.z_MBD,
        log_scale,
        objective=case.objective,
        present_MB=case.present,
        ids_B=case.ids,
        bias=case.bias,
    )
    assert float(found) == pytest.approx(float(want.loss), rel=1e-12, abs=1e-12)
