"""Tries many cases on some backends and sums them up for a table or a file."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from threading import Event
from time import perf_counter
from typing import Any, NamedTuple

from gcl_spec import registry
from gcl_spec.backend import Backend, SpreadBackend
from gcl_spec.conformance.cases.case import Case
from gcl_spec.conformance.cases.fixed import fixed_cases
from gcl_spec.conformance.compare import (
    Disagreement,
    Error,
    Values,
    compare_with,
    expected,
    has_fusion,
)
from gcl_spec.conformance.degenerate import accepted, degenerate_cases
from gcl_spec.conformance.in_threads import in_threads
from gcl_spec.errors import ConfigError

__all__ = ["DTYPES", "PLACE", "Result", "Row", "Verdict", "spread_over", "verify"]

DTYPES = ("float64", "float32")
PLACE = ("backend", "device", "processes", "dtype")
"""The fields that tell one run over all cases from another."""


@dataclass(frozen=True, slots=True)
class Result:
    """One quantity of one case on one backend, dtype, device and number of processes."""

    backend: str
    device: str
    processes: int
    dtype: str
    objective: str
    masks: str
    case: str
    quantity: str
    error: float
    bound: float
    size: float
    ulp: float
    headroom: float
    agrees: bool
    note: str = ""

    @property
    def message(self) -> str:
        """One line that says what is wrong; empty where the backend agrees."""
        if self.agrees:
            return ""
        return self.note or (
            f"{self.quantity} is off by {self.error:.3g} ({self.ulp:.3g} ulp); rounding explains "
            f"at most {self.bound:.3g}"
        )


@dataclass(frozen=True, slots=True)
class Row:
    """One group of results summed up.

    `case`, `error`, `bound`, `headroom` and `ulp` belong to the case that is nearest to, or
    farthest over, its bound. `digits` are the decimal digits to which the backend agrees with the
    reference where the agreement is worst, relative to the quantity's size (to 1 where it is
    smaller).
    """

    backend: str
    device: str
    processes: int
    dtype: str
    quantity: str
    objective: str
    masks: str
    cases: int
    disagree: int
    case: str
    error: float
    bound: float
    headroom: float
    ulp: float
    digits: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of `verify`."""

    results: tuple[Result, ...]
    seconds: float = 0.0
    interrupted: bool = False
    """Ctrl-C came before all cases were done."""

    @property
    def agrees(self) -> bool:
        """Did every backend agree on every case that was done, and was there any?"""
        return bool(self.results) and all(result.agrees for result in self.results)

    @property
    def rows(self) -> tuple[Row, ...]:
        """One row for each backend, device, number of processes, dtype and quantity."""
        return self._grouped(*PLACE, "quantity")

    @property
    def matrix(self) -> tuple[Row, ...]:
        """One row for each backend, device, processes, dtype, objective and kind of masks."""
        return self._grouped(*PLACE, "objective", "masks")

    def to_json(self) -> Mapping[str, Any]:
        """Plain dicts and lists; numbers that are not finite are None."""
        parts: dict[str, tuple[Row, ...] | tuple[Result, ...]] = {
            "rows": self.rows,
            "matrix": self.matrix,
            "results": self.results,
        }
        lists = {name: [_plain(asdict(x)) for x in part] for name, part in parts.items()}
        head = {"agrees": self.agrees, "seconds": round(self.seconds, 3)}
        return {**head, "interrupted": self.interrupted, **lists}

    def _grouped(self, *by: str) -> tuple[Row, ...]:
        groups: dict[tuple[object, ...], list[Result]] = {}
        for result in self.results:
            groups.setdefault(tuple(getattr(result, name) for name in by), []).append(result)
        return tuple(_row(group, by) for group in groups.values())


class _Work(NamedTuple):
    backend: Backend
    device: str
    processes: int
    dtype: str
    refuses: bool
    """Is degenerate input tried, too?"""


def verify(
    backends: Iterable[Backend],
    reference: Backend,
    cases: Sequence[Case] | None = None,
    *,
    dtypes: Sequence[str] = DTYPES,
    processes: Sequence[int] = (1,),
    jobs: int = 1,
    degenerate: bool = True,
) -> Verdict:
    """Hold every backend, on every device that it has, to the reference.

    Args:
        backends: the backends under test.
        reference: the backend whose float64 results are taken for the truth.
        cases: `fixed_cases()` when not given; one without a fusion in a dtype is left out there.
        dtypes: the dtypes of the rows: "float64", "float32", "bfloat16".
        processes: numbers of processes that share a batch; over 1 for each `SpreadBackend` only.
        jobs: threads; with more than 1 a backend is called from two at once, one for each dtype.
        degenerate: also try what must be refused, in float64, on the CPU, in one process.

    Returns:
        Results in the order of backends, devices, processes, dtypes, cases; after Ctrl-C some.

    Raises:
        ConfigError: two backends have one name.
        NotABackendError: a backend has no device.
    """
    began = perf_counter()
    backends, cases = _distinct(backends), fixed_cases() if cases is None else cases
    want = {
        (i, d): expected(reference, case, dtype=d)
        for i, case in enumerate(cases)
        for d in dtypes
        if has_fusion(case, dtype=d)
    }
    stop = Event()
    with ExitStack() as stack:
        work = [
            _Work(spread, device, size, dtype, refuses)
            for backend in backends
            for size in processes
            if size == 1 or isinstance(backend, SpreadBackend)
            for spread in [stack.enter_context(spread_over(backend, size))]
            for device in registry.devices(spread)
            for dtype in dtypes
            for refuses in [degenerate and size == 1 and (device[:3], dtype) == ("cpu", "float64")]
        ]
        results = in_threads([partial(_verify, one, cases, want, stop) for one in work], jobs, stop)
    return Verdict(tuple(results), perf_counter() - began, stop.is_set())


def _distinct(backends: Iterable[Backend]) -> tuple[Backend, ...]:
    """The backends, whose names must differ: tables would show two of one name as one."""
    listed = tuple(backends)
    for name, count in Counter(backend.name for backend in listed).items():
        if count > 1:
            raise ConfigError(f"{count} backends have the name {name!r}; verify them one by one")
    return listed


def spread_over(backend: Backend, processes: int) -> AbstractContextManager[Backend]:
    """The backend on this number of processes; over 1 it must be a `SpreadBackend`."""
    if processes == 1:
        return nullcontext(backend)
    assert isinstance(backend, SpreadBackend)
    return backend.spread(processes)


def _verify(
    work: _Work,
    cases: Sequence[Case],
    want: Mapping[tuple[int, str], Values],
    stop: Event,
) -> list[Result]:
    results: list[Result] = []
    for case, errors in _tried(work, cases, want):
        part = [
            Result(
                work.backend.name, work.device, work.processes, work.dtype, case.contrast,
                case.masks, case.name, error.quantity, error.error, error.bound, error.size,
                error.ulp, error.headroom, error.agrees, note,
            )
            for error, note in errors
        ]  # fmt: skip
        if stop.is_set():  # a case that Ctrl-C ended says nothing
            break
        results += part
    return results


def _tried(
    work: _Work, cases: Sequence[Case], want: Mapping[tuple[int, str], Values]
) -> Iterator[tuple[Case, Iterator[tuple[Error, str]]]]:
    backend, device, dtype = work.backend, work.device, work.dtype
    for i, case in enumerate(cases):
        if (i, dtype) in want:
            yield case, _errors(want[i, dtype], backend, case, dtype, device)
    for case in degenerate_cases() if work.refuses else ():
        note = accepted(backend, case, device=device)
        error = Error(f"must raise: {case.name}", "loss", math.inf if note else 0.0, 0.0, 1.0)
        yield replace(case, name=error.case), iter([(error, note)])


def _errors(
    want: Values, backend: Backend, case: Case, dtype: str, device: str
) -> Iterator[tuple[Error, str]]:
    try:
        for error in compare_with(want, backend, case, dtype=dtype, device=device):
            yield error, ""
    except Disagreement as finding:
        for quantity in want:
            yield Error(case.name, quantity, math.inf, 0.0, 1.0), str(finding)


def _row(group: Sequence[Result], by: Sequence[str]) -> Row:
    worst = min(group, key=lambda result: result.headroom)
    relative = max(result.error / max(result.size, 1.0) for result in group)
    key: dict[str, Any] = {name: getattr(worst, name) if name in by else "" for name in _KEYS}
    return Row(
        **key,
        cases=len({result.case for result in group}),
        disagree=sum(not result.agrees for result in group),
        case=worst.case,
        error=worst.error,
        bound=worst.bound,
        headroom=worst.headroom,
        ulp=worst.ulp,
        digits=16.0 if relative == 0 else min(16.0, max(0.0, -math.log10(relative))),
        note=worst.message,
    )


_KEYS = (*PLACE, "quantity", "objective", "masks")


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(x, float) and not math.isfinite(x) else x
        for name, x in row.items()
    }
