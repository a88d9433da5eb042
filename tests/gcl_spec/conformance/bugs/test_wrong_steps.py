"""Every wrong step changes a result of some case that the suite runs."""

from itertools import product

import numpy as np
import pytest

from gcl_spec.conformance import telling_cases
from gcl_spec.conformance.bugs.dense import Call, Dense
from gcl_spec.conformance.bugs.wrong_steps import WRONG_STEPS
from gcl_spec.conformance.cases.case import Case

CLOSE = {"float32": 1e-3, "float64": 1e-10}


def call_of(case: Case, dtype: str) -> Call:
    log_scale = np.asarray(case.log_scale, dtype)
    arrays = (case.present, case.ids, case.weights)
    return Call(case.z_MBD.astype(dtype), log_scale, case.objective, *arrays, case.tile, case.bias)


PLAIN = [case for case in telling_cases() if call_of(case, "float64").is_plain]


@pytest.mark.parametrize("name", WRONG_STEPS)
def test_a_wrong_step_shows(name: str) -> None:
    wrong = WRONG_STEPS[name]
    with np.errstate(all="ignore"):
        for case, (dtype, close) in product(PLAIN, CLOSE.items()):
            call = call_of(case, dtype)
            for bad, good in zip(wrong(call)[:3], Dense()(call)[:3], strict=True):
                assert bad.shape == good.shape
                if not np.allclose(bad, good, rtol=close, atol=close):
                    return
    pytest.fail("all results are right")
