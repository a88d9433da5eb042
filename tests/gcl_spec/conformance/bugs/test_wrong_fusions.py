"""Every wrong fusion shows where a row is fused, and nowhere else."""

import numpy as np
import pytest

from gcl_spec.conformance import fixed_cases
from gcl_spec.conformance.bugs.dense import Call, Dense
from gcl_spec.conformance.bugs.wrong_fusions import WRONG_FUSIONS
from gcl_spec.conformance.cases.case import Case

PLAIN = [case for case in fixed_cases() if case.bias is None and np.ndim(case.log_scale) == 0]
FUSED = [case for case in PLAIN if case.fused.parts and case.objective.positives == "each"]
GIVEN = [case for case in PLAIN if not case.fused.parts][:5]


def shift(name: str, case: Case) -> float:
    """How far the wrong results are from the right ones."""
    arrays = (case.present, case.ids, case.weights)
    call = Call(case.z_MBD, np.asarray(case.log_scale), case.objective, *arrays, case.tile)
    with np.errstate(divide="ignore"):
        pairs = zip(WRONG_FUSIONS[name](call)[:3], Dense()(call)[:3], strict=True)
        return max(float(np.abs(bad - good).max()) for bad, good in pairs)


@pytest.mark.parametrize("name", WRONG_FUSIONS)
def test_a_wrong_fusion_shows_where_rows_are_fused(name: str) -> None:
    assert max(shift(name, case) for case in FUSED) > 1e-3
    assert max(shift(name, case) for case in GIVEN) == 0
