"""Known bugs injected into backends: the checks must notice every one, or they prove nothing."""

from typing import Any

from gcl_spec import registry
from gcl_spec.backend import Backend, LossAndGrads
from gcl_spec.conformance.bugs.all import BUGS
from gcl_spec.conformance.bugs.dense import Call
from gcl_spec.conformance.bugs.self_test import self_test


def test_the_telling_cases_notice_every_bug() -> None:
    """In torch; CI looks at those of the reference (`gcl verify-backends --self-test`)."""
    found = list(self_test(registry.load("torch"), registry.load("reference")))
    assert [catch.bug for catch in found] == list(BUGS)
    assert [catch.bug for catch in found if catch.case is None] == []


def test_a_bug_that_no_case_shows_survives(reference: Backend) -> None:
    def rare(call: Call, compute: Any) -> LossAndGrads:
        found = compute(call)
        return found._replace(loss=found.loss + (call.z_MBD.shape == (7, 7, 7)))

    (catch,) = self_test(reference, reference, bugs={"rare": rare})
    assert catch.case is None
