"""Batches spread over processes and devices are held to the reference like any other."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from gcl_reference.backend import ReferenceBackend
from gcl_spec.backend import Backend, LossAndGrads, LossArguments, SpreadBackend
from gcl_spec.conformance import quick_cases, verify
from gcl_spec.conformance.asking import ARRAYS
from gcl_spec.conformance.bugs.all import BUGS
from gcl_spec.conformance.bugs.dense import Call
from gcl_spec.conformance.bugs.injected import asked
from gcl_spec.conformance.bugs.mutant import Bug, Compute, Mutant
from gcl_spec.conformance.cases.fixed import Case

DTYPES = ("float64", "bfloat16")


def small() -> list[Case]:
    """One sample, so that some processes have none; masks, weights and a fusion inside of the loss;
    a scale and a bias of each pair, in a softmax and in a sigmoid; a scale of each modality, and of
    each direction."""
    wanted = (
        "one sample",
        "fused, several positives",
        "softmax with all",
        "sigmoid with all",
        "hard, modalities",
        "detached, directions",
    )
    return [case for case in quick_cases() if case.name in wanted]


def test_a_batch_over_processes(backend: Backend, reference: Backend) -> None:
    """In both dtypes by the same processes, which take seconds to start."""
    assert isinstance(backend, SpreadBackend)
    found = verify([backend], reference, small(), dtypes=DTYPES, processes=[2])
    assert found.agrees, [result.message for result in found.results]
    tried = {(result.case, result.dtype) for result in found.results}
    assert tried == {(case.name, dtype) for case in small() for dtype in DTYPES}


def test_every_argument_is_in_a_case_that_is_spread() -> None:
    """One that a backend forgets where it spreads a batch could not be noticed otherwise."""
    for name in LossArguments.__annotations__:
        assert any(getattr(case, name) is not None for case in small()), name
    several = {case.objective.scales for case in small() if np.ndim(case.log_scale)}
    assert several == {"pair", "modality", "direction"}


def forgets(name: str) -> Bug:
    """Right on what is left of a call without one of its arguments."""
    return asked(lambda call: call.but(**{name: None}))


def divides(call: Call, compute: Compute) -> LossAndGrads:
    found = compute(call)
    return found._replace(grads=found.grads / 2)


WRONG = {
    "gradient divided by the processes": divides,
    **{f"{name} forgotten": forgets(name) for name in ARRAYS[2:]},
    **{
        name: BUGS[name]
        for name in (
            "bias ignored",
            "dbias zero",
            "dbias transposed",
            "gradient without the bias",
            "scales of pairs transposed",
            "gradient as if all pairs had one scale",
            "dlog_scale of the transposed pair",
            "dlog_scale of each direction is that of all",
        )
    },
}


class Wrong(ReferenceBackend):
    """Right in one process, and wrong in more."""

    name = "wrong"

    def __init__(self, bug: Bug) -> None:
        self.bug = bug

    @contextmanager
    def spread(self, size: int, /) -> Iterator[Backend]:
        yield Mutant(self, self.bug, name=self.name)


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_only_where_it_is_spread_is_noticed(reference: Backend, name: str) -> None:
    found = verify([Wrong(WRONG[name])], reference, small(), processes=[1, 2], degenerate=False)
    assert {result.processes for result in found.results if not result.agrees} == {2}


def test_a_backend_that_cannot_be_spread_is_left_out(reference: Backend) -> None:
    case = replace(small()[0], name="alone")
    found = verify([ReferenceBackend()], reference, [case], processes=[1, 4])
    assert {row.processes for row in found.rows} == {1}
