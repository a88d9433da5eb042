"""One comparison: errors in several measures, and faults that have no size."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gcl_reference.backend import ReferenceBackend
from gcl_spec.backend import Backend, LossAndGrads
from gcl_spec.conformance import quick_cases
from gcl_spec.conformance.compare import (
    Disagreement,
    Error,
    check_case,
    compare,
    expected,
    has_fusion,
    loss_of,
)
from gcl_spec.objective import GCL

CASE = next(case for case in quick_cases() if case.masks == "both" and not case.fused.parts)


class Faulty(ReferenceBackend):
    """The reference, with its results, its inputs or its state spoiled."""

    name = "faulty"

    def __init__(self, fault: str) -> None:
        self.fault, self.calls = fault, 0

    def loss_and_grads(self, z: Any, log_scale: Any, /, **options: Any) -> LossAndGrads:
        found = super().loss_and_grads(z, log_scale, **options)
        self.calls += 1
        if self.fault == "shape":
            return found._replace(grads=found.grads[:, :1])
        if self.fault == "dtype":
            return found._replace(loss=np.asarray(found.loss, np.float32))
        if self.fault == "overwrites":
            z *= 2
            return found
        if self.fault == "state":
            return found._replace(loss=found.loss + self.calls)
        if self.fault == "leak":
            return found._replace(grads=found.grads + 1e-300)
        if self.fault == "nan":
            return found._replace(loss=found.loss * np.nan)
        if self.fault == "off":
            return found._replace(loss=found.loss + 1e-3)
        raise ZeroDivisionError("out of\nluck")


FAULTS = {
    "shape": r"grads of case '.*' has shape .*, not",
    "dtype": "gives loss in float32; it must be float64",
    "overwrites": "overwrites its input z_MBD; copy it first",
    "state": "a second call gives another loss",
    "leak": "rows that are not present have a gradient",
    "raises": "raises ZeroDivisionError: out of luck",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_without_a_size_is_one_line(reference: Backend, fault: str) -> None:
    case = CASE
    if fault == "leak":
        case = next(c for c in quick_cases() if c.present is not None and not c.present.all())
    with pytest.raises(Disagreement, match=FAULTS[fault]) as caught:
        compare(Faulty(fault), reference, case, dtype="float64", device="cpu")
    assert "\n" not in str(caught.value)


def test_an_error_over_its_bound_is_refused(reference: Backend) -> None:
    errors = compare(Faulty("off"), reference, CASE, dtype="float64", device="cpu")
    assert [error.agrees for error in errors] == [False, True, True]
    assert errors[0].error == pytest.approx(1e-3)
    with pytest.raises(Disagreement, match=r"loss of case '.*' is off by 0.001; rounding explains"):
        check_case(Faulty("off"), reference, CASE, dtype="float64", device="cpu")
    lost = compare(Faulty("nan"), reference, CASE, dtype="float32", device="cpu")
    assert lost[0].error == np.inf


def test_measures_of_an_error() -> None:
    error = Error("case", "loss", error=2e-7, size=1.0, bound=1e-6, roundoff=2.0**-24)
    assert error.share == pytest.approx(0.2)
    assert error.headroom == pytest.approx(5)
    assert error.ulp == pytest.approx(2e-7 * 2**24)
    assert replace(error, error=0.0).ulp == 0
    assert replace(error, error=0.0).headroom == np.inf
    assert math.isnan(replace(error, size=1e-9).ulp), "a quantity that is 0 but for rounding"
    assert not replace(error, error=2e-6).agrees
    assert not replace(error, error=np.inf).agrees


def test_values_are_those_of_rounded_inputs(reference: Backend) -> None:
    fine = expected(reference, CASE, dtype="float64")
    coarse = expected(reference, CASE, dtype="bfloat16")
    assert fine["loss"] != coarse["loss"]
    assert fine["loss"] == pytest.approx(coarse["loss"], rel=0.1)
    assert loss_of(reference, CASE, dtype="float64", device="cpu") == fine["loss"]


def test_a_fusion_that_a_dtype_cannot_hold() -> None:
    rows = np.asarray([[[1.0, 0.0]], [[-1.0, 1e-3]]])
    case = replace(CASE, z_MBD=rows, objective=GCL, present=None, ids=None)
    assert has_fusion(case, dtype="float64")
    assert has_fusion(case, dtype="float32")
    assert not has_fusion(case, dtype="bfloat16")
