"""All fixed cases on some backends, summed up for a table or a JSON file."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from gcl_spec.backend import Backend
from gcl_spec.conformance.cases import fixed_cases
from gcl_spec.conformance.checks import QUANTITIES, Disagreement, Error, compare

__all__ = ["DTYPES", "Row", "Verdict", "verify"]

DTYPES = ("float64", "float32")


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity of one backend, dtype and device over all cases.

    `case`, `error` and `bound` are those of the case nearest to, or farthest over, its bound.
    `digits` are the decimal digits to which the backend agrees with the reference where the
    agreement is worst, relative to the quantity's size (to 1 where it is smaller).
    """

    backend: str
    device: str
    dtype: str
    quantity: str
    cases: int
    disagree: int
    case: str
    error: float
    bound: float
    digits: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of `verify`."""

    rows: tuple[Row, ...]

    @property
    def agrees(self) -> bool:
        """Did every backend agree on every case, and was there any?"""
        return bool(self.rows) and all(row.disagree == 0 for row in self.rows)

    def to_json(self) -> Mapping[str, Any]:
        """Plain dicts and lists."""
        return {"agrees": self.agrees, "rows": [asdict(row) for row in self.rows]}


def verify(backends: Iterable[Backend], reference: Backend) -> Verdict:
    """Every backend, on every device it has, in float64 and float32, against the reference."""
    return Verdict(tuple(row for backend in backends for row in _verify(backend, reference)))


def _verify(backend: Backend, reference: Backend) -> Iterator[Row]:
    for device in backend.devices():
        for dtype in DTYPES:
            errors: list[Error] = []
            note = ""
            for case in fixed_cases():
                try:
                    errors += compare(backend, reference, case, dtype=dtype, device=device)
                except Disagreement as finding:
                    note = str(finding)
                    errors += [Error(case.name, q, math.inf, 0.0, 1.0) for q in QUANTITIES]
            for quantity in QUANTITIES:
                yield _row(backend.name, device, dtype, quantity, errors, note)


def _row(
    backend: str, device: str, dtype: str, quantity: str, errors: list[Error], note: str
) -> Row:
    found = [error for error in errors if error.quantity == quantity]
    worst = max(found, key=lambda error: error.share)
    relative = max(error.error / max(error.size, 1.0) for error in found)
    return Row(
        backend=backend,
        device=device,
        dtype=dtype,
        quantity=quantity,
        cases=len(found),
        disagree=sum(not error.agrees for error in found),
        case=worst.case,
        error=worst.error,
        bound=worst.bound,
        digits=16.0 if relative == 0 else min(16.0, max(0.0, -math.log10(relative))),
        note=note,
    )
