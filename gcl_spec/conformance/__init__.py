"""Checks that hold every backend to the reference: cases, bounds, comparison."""

from gcl_spec.conformance.cases import Case, fixed_cases
from gcl_spec.conformance.checks import Disagreement, Error, check, compare
from gcl_spec.conformance.verify import Row, Verdict, verify

__all__ = [
    "Case",
    "Disagreement",
    "Error",
    "Row",
    "Verdict",
    "check",
    "compare",
    "fixed_cases",
    "verify",
]
