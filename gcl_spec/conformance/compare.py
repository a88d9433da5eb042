"""One comparison of a backend with the reference, for fixed and for drawn cases alike."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gcl_spec._words import one_line
from gcl_spec.backend import Backend
from gcl_spec.conformance.asking import ask, backend_arrays
from gcl_spec.conformance.cases.case import Case
from gcl_spec.conformance.tolerances import Bounds, bounds, computed_in, rounded, unit_roundoff

__all__ = [
    "QUANTITIES",
    "Disagreement",
    "Error",
    "check_case",
    "compare",
    "compare_with",
    "expected",
    "has_fusion",
    "loss_of",
]

QUANTITIES = ("loss", "grads", "dlog_scale", "dbias")
"""The results of a loss; the last is there where a bias is given."""

Values = dict[str, npt.NDArray[np.float64]]


class Disagreement(AssertionError):  # noqa: N818  (this is a finding, not a failure of the check)
    """A backend is farther from the reference than rounding allows."""


@dataclass(frozen=True, slots=True)
class Error:
    """How far one quantity of one case is from the reference."""

    case: str
    quantity: str
    error: float
    """The absolute error; of "grads" the Frobenius norm of the difference. Inf if not finite."""
    size: float
    """The reference's own size, in the same measure."""
    bound: float
    roundoff: float = 1.0
    """The dtype's unit roundoff."""

    @property
    def share(self) -> float:
        """Error as a share of the bound; over 1 the backend is wrong."""
        return self.error / self.bound

    @property
    def headroom(self) -> float:
        """Bound over error: below 1 the backend is wrong; inf where the error is 0."""
        return self.bound / self.error if self.error > 0 else np.inf

    @property
    def ulp(self) -> float:
        """Error in units of the last place of the quantity: error / (unit roundoff * size).

        It is NaN where the quantity is 0 but for rounding, because it then has no last place.
        """
        if self.error == 0:
            return 0.0
        return self.error / (self.roundoff * self.size) if self.size > self.bound else np.nan

    @property
    def agrees(self) -> bool:
        """Is the error within the bound?"""
        return self.error <= self.bound


def expected(reference: Backend, case: Case, *, dtype: str) -> Values:
    """The reference's values by quantity, in float64, on the inputs rounded to `dtype`."""
    case, device = _rounded(case, dtype), reference.devices()[0]
    arrays = backend_arrays(reference, case, dtype="float64", device=device)
    return _values(reference, case, arrays, "float64")


def has_fusion(case: Case, *, dtype: str) -> bool:
    """Do fused rows have a direction in this dtype? A backend must refuse the case otherwise."""
    cancellation = replace(case, z_MBD=rounded(case.z_MBD, dtype)).fused.cancellation
    return 8 * unit_roundoff(dtype) * cancellation < 1


def loss_of(backend: Backend, case: Case, *, dtype: str, device: str) -> float:
    """The loss alone, of any input; it raises whatever the backend raises."""
    answer = ask(backend, case, backend_arrays(backend, case, dtype=dtype, device=device))
    return float(backend.to_numpy(answer.loss))


def compare(
    backend: Backend, reference: Backend, case: Case, *, dtype: str, device: str
) -> tuple[Error, ...]:
    """Errors of loss, gradient and dlog_scale of `backend` in `dtype` on one case.

    Raises:
        Disagreement: a fault that has no size: a wrong shape or dtype, a gradient of a missing row,
            inputs that were overwritten, a second call that gives another result.
    """
    want = expected(reference, case, dtype=dtype)
    return compare_with(want, backend, case, dtype=dtype, device=device)


def compare_with(
    want: Values, backend: Backend, case: Case, *, dtype: str, device: str
) -> tuple[Error, ...]:
    """Errors of a backend on one case, as `compare` gives them, from the reference's own values.

    Args:
        want: the `expected` values of the same case and dtype.
        backend: the backend under test.
        case: the inputs.
        dtype: the dtype of the rows.
        device: one of the backend's devices.

    Raises:
        Disagreement: a fault that has no size, as in `compare`.
    """
    have, again = _twice(backend, case, dtype, device)
    size = float(np.linalg.norm(want["grads"]))
    allowed = bounds(case, dtype, float(want["loss"]), size)
    where = f"case {case.name!r}"
    errors = []
    for quantity in want:
        if have[quantity].shape != want[quantity].shape:
            raise Disagreement(
                f"{backend.name} {dtype}: {quantity} of {where} has shape "
                f"{have[quantity].shape}, not {want[quantity].shape}"
            )
        error = float(np.linalg.norm(have[quantity] - want[quantity]))
        if np.isfinite(error) and not _near(again[quantity], have[quantity], allowed, quantity):
            raise Disagreement(
                f"{backend.name} {dtype}: a second call gives another {quantity} of {where}; "
                "keep no state between calls"
            )
        errors.append(
            Error(
                case.name,
                quantity,
                error if np.isfinite(error) else np.inf,
                float(np.linalg.norm(want[quantity])),
                getattr(allowed, quantity),
                unit_roundoff(dtype if quantity == "grads" else computed_in(dtype)),
            )
        )
    fused = case.fused
    if np.any(have["grads"][~fused.present[fused.given]] != 0):
        raise Disagreement(
            f"{backend.name} {dtype}: rows that are not present have a gradient in {where}; "
            "it must be exactly 0"
        )
    return tuple(errors)


def _twice(backend: Backend, case: Case, dtype: str, device: str) -> tuple[Values, Values]:
    """The values that two calls on the same arrays give; only float64 is called twice."""
    case = _rounded(case, dtype)
    try:
        arrays = backend_arrays(backend, case, dtype=dtype, device=device)
        have = _values(backend, case, arrays, dtype)
        return have, _values(backend, case, arrays, dtype) if dtype == "float64" else have
    except Disagreement:
        raise
    except (Exception, SystemExit) as raised:  # whatever a backend may raise is a finding
        raise Disagreement(
            f"{backend.name} {dtype}: case {case.name!r} raises "
            f"{one_line(f'{type(raised).__name__}: {raised}')}"
        ) from raised


def _near(again: Any, have: Any, allowed: Bounds, quantity: str) -> bool:
    return bool(np.linalg.norm(again - have) <= getattr(allowed, quantity))


def check_case(
    backend: Backend, reference: Backend, case: Case, *, dtype: str, device: str
) -> None:
    """Compare a backend with the reference on one case (`compare`), and accept no error.

    Raises:
        Disagreement: a quantity is out of its bound, or has a fault without a size.
    """
    for error in compare(backend, reference, case, dtype=dtype, device=device):
        if not error.agrees:
            raise Disagreement(
                f"{backend.name} {dtype} on {device}: {error.quantity} of case {case.name!r} is "
                f"off by {error.error:.3g}; rounding explains at most {error.bound:.3g}"
            )


def _rounded(case: Case, dtype: str) -> Case:
    """The case whose rows are of `dtype`; the other numbers are of the dtype of logits."""
    finer = computed_in(dtype)
    return replace(
        case,
        z_MBD=rounded(case.z_MBD, dtype),
        log_scale=rounded(np.asarray(case.log_scale), finer),
        weights=None if case.weights is None else rounded(case.weights, finer),
        bias=None if case.bias is None else rounded(case.bias, finer),
    )


def _values(backend: Backend, case: Case, arrays: Mapping[str, Any], dtype: str) -> Values:
    """The results of one call, in the dtype of the logits; its inputs must stay as they are."""
    where = f"{backend.name} {dtype}: case {case.name!r}"
    answer = ask(backend, case, arrays)
    for name, array in arrays.items():
        if not np.array_equal(
            backend.to_numpy(array), getattr(case, name), equal_nan=name == "z_MBD"
        ):
            raise Disagreement(f"{where} overwrites its input {name}; copy it first")
    asked = QUANTITIES if case.bias is not None else QUANTITIES[:3]
    if case.bias is not None and answer.dbias is None:
        raise Disagreement(f"{where} gives no derivative by the bias")
    values = {name: np.asarray(backend.to_numpy(getattr(answer, name))) for name in asked}
    for name, value in values.items():
        if value.dtype != computed_in(dtype):
            raise Disagreement(
                f"{where} gives {name} in {value.dtype}; it must be {computed_in(dtype)}"
            )
    return {name: value.astype(np.float64) for name, value in values.items()}
