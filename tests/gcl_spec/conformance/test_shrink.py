"""Failing cases: smaller, still failing, and the same after a round trip through a file."""

from dataclasses import replace

import numpy as np
import pytest

from gcl_spec.backend import Backend
from gcl_spec.conformance import fixed_cases
from gcl_spec.conformance.bugs.all import BUGS, Mutant
from gcl_spec.conformance.shrink import fails, shrink

BY_NAME = {case.name: case for case in fixed_cases()}


@pytest.mark.parametrize(
    ("bug", "start", "samples", "masks"),
    [
        ("gradient doubled", "equal ids, missing rows", 1, "none"),
        ("wrong for equal ids only", "equal ids, missing rows", 2, "ids"),
        ("wrong for missing rows only", "NaN in missing rows", 2, "present"),
        ("balance by pair", "missing rows, by direction", 2, "present"),
    ],
)
def test_shrunk_to_what_matters(
    reference: Backend, bug: str, start: str, samples: int, masks: str
) -> None:
    def still(case):
        return fails(Mutant(reference, BUGS[bug]), reference, case, dtype="float64", device="cpu")

    assert still(BY_NAME[start])
    small = shrink(BY_NAME[start], still, tries=200)
    assert still(small)
    assert small.z_MBD.shape == (3, samples, 1)
    assert small.masks == masks


def test_a_wrong_fusion_shrinks_to_one_that_has_a_direction(reference: Backend) -> None:
    bug = BUGS["norm of the fused sum taken for a constant"]

    def still(case):
        return fails(Mutant(reference, bug), reference, case, dtype="float64", device="cpu")

    small = shrink(BY_NAME["weighted fusion, missing rows"], still, tries=200)
    assert still(small)
    assert small.z_MBD.shape[:2] == (2, 2)
    assert small.weights is None
    cancelling = replace(small, z_MBD=np.stack([small.z_MBD[0], -small.z_MBD[0]]))
    assert not still(cancelling)


def test_at_most_so_many_tries() -> None:
    asked = []
    shrink(BY_NAME["gcl"], lambda case: bool(asked.append(case)), tries=5)
    assert len(asked) == 5


def test_an_invalid_input_is_no_failure(reference: Backend) -> None:
    case = BY_NAME["gcl"]
    broken = Mutant(reference, BUGS["gradient doubled"])
    for z in (np.zeros_like(case.z_MBD), np.full_like(case.z_MBD, np.nan)):
        assert not fails(broken, reference, replace(case, z_MBD=z), dtype="float64", device="cpu")
    nobody = replace(case, present=np.zeros((3, 8), bool))
    assert not fails(broken, reference, nobody, dtype="float64", device="cpu")
