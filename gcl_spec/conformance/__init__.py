"""Checks that hold every backend to the reference: cases, bounds, comparison, known bugs.

Start reading at `compare`, which checks one case, and `tolerances`, which derives how far a backend
may be from the reference. `suite` is what the tests of a backend subclass.
"""

from gcl_spec.conformance.cases.drawn import drawn_cases
from gcl_spec.conformance.cases.fixed import Case, describe, fixed_cases, quick_cases, telling_cases
from gcl_spec.conformance.compare import Disagreement, Error, check_case, compare
from gcl_spec.conformance.verify import Result, Row, Verdict, verify

__all__ = [
    "Case",
    "Disagreement",
    "Error",
    "Result",
    "Row",
    "Verdict",
    "check_case",
    "compare",
    "describe",
    "drawn_cases",
    "fixed_cases",
    "quick_cases",
    "telling_cases",
    "verify",
]
