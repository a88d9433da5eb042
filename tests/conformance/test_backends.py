"""Every declared backend against the reference, on fixed and on drawn cases."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from gcl_spec.backend import Backend
from gcl_spec.conformance import Case, check, fixed_cases
from gcl_spec.conformance.strategies import cases
from gcl_spec.loss import stacked_loss

BY_NAME = {case.name: case for case in fixed_cases()}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", BY_NAME)
def test_fixed_cases(backend: Backend, reference: Backend, name: str, dtype: str) -> None:
    check(backend, reference, BY_NAME[name], dtype=dtype, device=backend.devices()[0])


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(case=cases())
def test_drawn_cases(backend: Backend, reference: Backend, case: Case) -> None:
    for dtype in ("float64", "float32"):
        check(backend, reference, case, dtype=dtype, device=backend.devices()[0])


@given(case=cases())
def test_the_neutral_loss_is_the_reference(reference: Backend, case: Case) -> None:
    log_scale = np.asarray(case.log_scale)
    want = reference.loss_and_grads(
        case.z_MBD, log_scale, objective=case.objective, present=case.present, ids=case.ids
    )
    found = stacked_loss(
        case.z_MBD, log_scale, objective=case.objective, present_MB=case.present, ids_B=case.ids
    )
    assert float(found) == pytest.approx(float(want.loss), rel=1e-12, abs=1e-12)
