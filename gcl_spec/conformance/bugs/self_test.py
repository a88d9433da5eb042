"""Injects every known bug and looks whether the checks notice it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gcl_spec._typing import FloatArray
from gcl_spec.backend import Backend, LossAndGrads
from gcl_spec.conformance.bugs.all import BUGS, Bug, Mutant
from gcl_spec.conformance.bugs.ranking_mutant import RankingBug, RankingMutant
from gcl_spec.conformance.bugs.wrong_rankings import RANKING_BUGS
from gcl_spec.conformance.cases.fixed import Case, telling_cases
from gcl_spec.conformance.cases.rankings import ranking_cases
from gcl_spec.conformance.compare import Disagreement, Values, compare_with, expected
from gcl_spec.conformance.degenerate import accepted, degenerate_cases
from gcl_spec.conformance.rankings import compare_ranking, wanted
from gcl_spec.conformance.verify import DTYPES

__all__ = ["Catch", "self_test", "self_test_rankings"]


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


def self_test_rankings(
    backend: Backend, reference: Backend, bugs: Mapping[str, RankingBug] = RANKING_BUGS
) -> Iterator[Catch]:
    """Inject each bug into the metrics of `backend`, and look for a case that shows it."""
    cases = ranking_cases()
    want = {dtype: [wanted(reference, case, dtype) for case in cases] for dtype in DTYPES}
    memory: dict[Any, FloatArray | ValueError] = {}
    for name, bug in bugs.items():
        mutant = RankingMutant(backend, bug, memory)
        device = mutant.devices()[0]
        shown = (
            (case.name, dtype)
            for i, case in enumerate(cases)
            for dtype in DTYPES
            if not compare_ranking(want[dtype][i], mutant, case, dtype=dtype, device=device).agrees
        )
        yield Catch(f"metrics: {name}", *next(shown, (None, None)))


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
