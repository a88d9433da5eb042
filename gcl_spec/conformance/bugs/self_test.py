"""Injects every known bug and looks whether the checks notice it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gcl_spec.backend import Backend, LossAndGrads
from gcl_spec.conformance.bugs.all import BUGS, Bug, Mutant
from gcl_spec.conformance.cases.fixed import Case, telling_cases
from gcl_spec.conformance.compare import Disagreement, Values, compare_with, expected
from gcl_spec.conformance.degenerate import accepted, degenerate_cases
from gcl_spec.conformance.verify import DTYPES

__all__ = ["Catch", "self_test"]


@dataclass(frozen=True, slots=True)
class Catch:
    """One known bug, and the case and dtype that show it first; None where none does."""

    bug: str
    case: str | None
    dtype: str | None


def self_test(
    backend: Backend,
    reference: Backend,
    cases: Sequence[Case] | None = None,
    bugs: Mapping[str, Bug] = BUGS,
) -> Iterator[Catch]:
    """Inject each bug into `backend` and look for a case (`telling_cases()`) that shows it."""
    cases = telling_cases() if cases is None else cases
    want = {
        (i, dtype): expected(reference, case, dtype=dtype)
        for i, case in enumerate(cases)
        for dtype in DTYPES
    }
    memory: dict[Any, LossAndGrads] = {}
    for name, bug in bugs.items():
        yield _catch(name, Mutant(backend, bug, memory=memory), cases, want)


def _catch(
    bug: str, mutant: Mutant, cases: Sequence[Case], want: Mapping[tuple[int, str], Values]
) -> Catch:
    for i, case in enumerate(cases):
        for dtype in DTYPES:
            if _notices(want[i, dtype], mutant, case, dtype):
                return Catch(bug, case.name, dtype)
    for case in degenerate_cases():
        if accepted(mutant, case, device=mutant.devices()[0]):
            return Catch(bug, case.name, "float64")
    return Catch(bug, None, None)


def _notices(want: Values, mutant: Mutant, case: Case, dtype: str) -> bool:
    try:
        errors = compare_with(want, mutant, case, dtype=dtype, device=mutant.devices()[0])
    except Disagreement:
        return True
    return not all(error.agrees for error in errors)
