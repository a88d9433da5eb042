"""Verdicts count what disagrees, and whatever a backend raises is a finding."""

from gcl_spec.backend import Backend
from gcl_spec.conformance import fixed_cases, quick_cases, verify
from gcl_spec.conformance.bugs.all import BUGS, Mutant

BY_NAME = {case.name: case for case in fixed_cases()}


def test_an_exception_is_a_finding(reference: Backend) -> None:
    def crash(*_):
        raise RuntimeError("out of luck")

    verdict = verify([Mutant(reference, crash)], reference, [BY_NAME["gcl"]])
    assert not verdict.agrees
    assert all("RuntimeError: out of luck" in row.note for row in verdict.rows)
    quantities = {result.quantity for result in verdict.results if "must raise" not in result.case}
    assert quantities == {"loss", "grads", "dlog_scale"}, "the case has no bias"


def test_the_verdict_counts_disagreements(reference: Backend) -> None:
    cases = quick_cases()[::3]
    verdict = verify([Mutant(reference, BUGS["gradient doubled"])], reference, cases)
    wrong = {row.quantity: row.disagree for row in verdict.rows}
    assert not verdict.agrees
    assert wrong["loss"] == 0
    assert wrong["grads"] > len(cases) / 2
    assert verify([Mutant(reference)], reference, cases).agrees
    assert not verify([], reference, cases).agrees
