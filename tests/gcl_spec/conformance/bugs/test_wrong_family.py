"""The known bugs of the family: a telling case shows each, and equation 2 shows none."""

import numpy as np

from gcl_spec.backend import Backend
from gcl_spec.conformance.bugs.mutant import Mutant
from gcl_spec.conformance.bugs.self_test import self_test
from gcl_spec.conformance.bugs.wrong_family import WRONG_FAMILY
from gcl_spec.conformance.cases.family import telling_family_cases
from gcl_spec.objective import GCL


def test_a_telling_case_shows_each(reference: Backend) -> None:
    catches = self_test(reference, reference, list(telling_family_cases()), WRONG_FAMILY)
    missed = [catch.bug for catch in catches if catch.case is None]
    assert not missed


def test_they_are_right_for_equation_two(reference: Backend) -> None:
    rows, one = np.random.default_rng(0).normal(size=(3, 3, 4)), np.asarray(0.5)
    want = reference.loss_and_grads(rows, one, objective=GCL)
    for name, bug in WRONG_FAMILY.items():
        found = Mutant(reference, bug).loss_and_grads(rows, one, objective=GCL)
        assert found.loss == want.loss, name
        np.testing.assert_array_equal(found.grads, want.grads, err_msg=name)
