"""Batches spread over processes and devices are held to the reference like any other."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from gcl_reference.backend import ReferenceBackend
from gcl_spec import registry
from gcl_spec.backend import Backend, LossAndGrads, SpreadBackend
from gcl_spec.conformance import quick_cases, verify
from gcl_spec.conformance.cases.fixed import Case

DTYPES = ("float64", "bfloat16")


def small() -> list[Case]:
    """Both masks; one sample, so that some processes have none; a fusion inside of the loss."""
    wanted = ("missing rows; masked", "one sample", "fused, several positives")
    return [case for case in quick_cases() if case.name in wanted]


def test_a_batch_over_processes(backend: Backend, reference: Backend) -> None:
    """In both dtypes by the same processes, which take seconds to start."""
    assert isinstance(backend, SpreadBackend)
    cases = small() if backend.name == "torch" else small()[1:]
    found = verify([backend], reference, cases, dtypes=DTYPES, processes=[2])
    assert found.agrees, [result.message for result in found.results]
    seen = {(row.processes, row.dtype, row.cases) for row in found.rows}
    assert seen == {(2, dtype, len(cases)) for dtype in DTYPES}


class Wrong(ReferenceBackend):
    """Right in one process; in more its gradient is divided by their number."""

    name = "wrong"
    size = 1

    def loss_and_grads(self, *args: Any, **options: Any) -> LossAndGrads:
        found = super().loss_and_grads(*args, **options)
        return found._replace(grads=found.grads / self.size)

    @contextmanager
    def spread(self, size: int, /) -> Iterator[Backend]:
        many = Wrong()
        many.size = size
        yield many


def test_a_wrong_factor_is_noticed_where_it_is() -> None:
    found = verify([Wrong()], registry.load("reference"), small(), processes=[1, 2])
    wrong = {(result.processes, result.quantity) for result in found.results if not result.agrees}
    assert wrong == {(2, "grads")}


def test_a_backend_that_cannot_be_spread_is_left_out(reference: Backend) -> None:
    case = replace(small()[0], name="alone")
    found = verify([ReferenceBackend()], reference, [case], processes=[1, 4])
    assert {row.processes for row in found.rows} == {1}
