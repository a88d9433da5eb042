"""What Hypothesis draws is valid, and of every kind that has hidden a wrong loss."""

from functools import partial

import numpy as np
from hypothesis import Phase, find, given, settings

from gcl_spec.conformance.cases.case import Case
from gcl_spec.conformance.cases.strategies import cases, objectives
from gcl_spec.objective import Objective


@given(cases())
def test_a_case_has_a_pair_and_rows_of_the_objective(case: Case) -> None:
    assert case.z_MBD.shape[0] == len(case.objective.modalities)
    first = case.objective.directions[0]
    at = [case.objective.modalities.index(name) for name in (first.query, first.target)]
    assert case.fused.present[at].all(axis=0).any()
    assert np.min(case.log_scale) >= -2
    assert np.max(case.log_scale) <= 4.7


@given(cases(unit=True, masked=False))
def test_unit_rows_without_masks(case: Case) -> None:
    assert case.masks == "none"
    norms = np.linalg.norm(case.z_MBD, axis=-1)
    assert norms.max() < 1 + 1e-12


@given(objectives(modalities=3))
def test_an_objective_of_so_many_modalities(objective: Objective) -> None:
    assert len(objective.modalities) == 3


def test_kinds_that_must_be_drawn() -> None:
    drawn = partial(find, settings=settings(phases=[Phase.generate]))  # no need for the smallest
    drawn(cases(), lambda case: case.masks == "both")
    drawn(cases(), lambda case: len(case.z_MBD) == 4)
    drawn(cases(), lambda case: case.z_MBD.shape[1] == 1)
    drawn(objectives(), lambda objective: objective.reduction == "sum")
    drawn(objectives(), lambda objective: any(d.pool for d in objective.directions))
