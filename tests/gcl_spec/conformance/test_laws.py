"""Laws of the objective on every declared backend, for the loss and for its gradients.

The neutral loss has its own in `tests/gcl_spec/loss/test_equation.py`. Shapes, objectives and masks
are few, so that a compiling backend compiles few programs; values are drawn.
"""

from dataclasses import replace
from typing import Any

import array_api_strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gcl_spec.backend import Backend
from gcl_spec.conformance import Case, fixed_cases, quick_cases
from gcl_spec.conformance.bugs.all import BUGS, Mutant
from gcl_spec.conformance.cases.strategies import cases
from gcl_spec.conformance.compare import check_case
from gcl_spec.conformance.laws import LAWS, compute, draw_case
from gcl_spec.conformance.tolerances import bounds, rounded
from gcl_spec.errors import InputError
from gcl_spec.loss.stacked import stacked_loss

SEEDS = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("law", LAWS)
@settings(max_examples=6)
@given(SEEDS)
def test_law(backend: Backend, law: str, seed: int) -> None:
    LAWS[law](backend, seed)


@pytest.mark.parametrize(
    ("law", "bug"),
    [
        ("samples may be permuted", "gradient of the last sample lost"),
        ("modalities may be permuted, and weights multiplied", "gradient of one modality lost"),
        ("modalities may be permuted, and weights multiplied", "always a sum"),
        ("a rotation turns the gradient with it", "rows rounded to bfloat16"),
        ("the gradient is orthogonal to rotations", "gradient of the next sample"),
        ("scaling the rows is scaling the temperature", "gradient halved"),
        ("rows c times as long are a scale c c times as large", "scale capped at 100"),
        ("a masked sample is a removed sample", "mean over missing samples"),
        ("a masked row is a removed row", "missing rows compete"),
        ("a masked row is a removed row", "missing rows get a gradient"),
        ("names of ids do not matter", "ids cut to 32 bits"),
        ("all present and distinct is no mask, and balances are equal", "wrong without masks only"),
        ("the least loss is reached by one collapsed sample", "self term kept"),
    ],
)
def test_a_law_notices_a_bug(reference: Backend, law: str, bug: str) -> None:
    def broken() -> None:
        for seed in range(20):
            LAWS[law](Mutant(reference, BUGS[bug]), seed)

    with pytest.raises(AssertionError):
        broken()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_converged_at_scale_100_has_the_right_gradient(
    backend: Backend, reference: Backend, dtype: str
) -> None:
    """Well-known losses give exactly 0, or NaN, here."""
    case = next(case for case in fixed_cases() if case.name == "converged, drop")
    rounded = replace(
        case,
        z_MBD=case.z_MBD.astype(dtype).astype(float),
        log_scale=float(np.asarray(case.log_scale, dtype)),
    )
    found, want = compute(backend, case, dtype), compute(reference, rounded)
    allowed = bounds(case, dtype, float(want.loss), float(np.linalg.norm(want.grads)))
    assert np.isfinite(found.dlog_scale)
    assert np.linalg.norm(want.grads) > 0
    assert np.linalg.norm(found.grads - want.grads) <= allowed.grads
    assert abs(found.dlog_scale - want.dlog_scale) <= allowed.dlog_scale


def test_a_zero_row_is_an_error_unless_it_is_missing(backend: Backend) -> None:
    case = draw_case(1)
    case.z_MBD[1, 0], case.present[1, 0] = 0.0, False
    masked = compute(backend, case)
    assert np.all(masked.grads[1, 0] == 0)
    assert np.isfinite(masked.grads).all()
    case.present[1, 0] = True
    with pytest.raises(InputError, match="row 0 of 'text' has norm 0"):
        compute(backend, case)


@pytest.mark.parametrize("name", [case.name for case in quick_cases()])
def test_bfloat16_rows_give_the_loss_of_the_rounded_rows(
    backend: Backend, reference: Backend, name: str
) -> None:
    """bf16 in, float32 arithmetic: the float32 bound, and one more rounding of the gradient."""
    case = next(case for case in quick_cases() if case.name == name)
    device = backend.devices()[0]
    check_case(backend, reference, case, dtype="bfloat16", device=device)
    rows = backend.from_numpy(case.z_MBD, dtype="bfloat16", device=device)
    assert np.array_equal(backend.to_numpy(rows), rounded(case.z_MBD, "bfloat16"), equal_nan=True)


@given(cases())
def test_strict_namespace_is_the_reference(reference: Backend, case: Case) -> None:
    """Nothing but the Array API standard, on every objective and mask."""
    xp = array_api_strict

    def array(x: Any) -> Any:
        return None if x is None else xp.asarray(x)

    found = stacked_loss(
        array(case.z_MBD),
        xp.asarray(case.log_scale),
        objective=case.objective,
        present_MB=array(case.present),
        ids_B=array(case.ids),
        bias=array(case.bias),
    )
    want = compute(reference, case).loss
    assert float(found) == pytest.approx(float(want), rel=1e-12, abs=1e-12)
