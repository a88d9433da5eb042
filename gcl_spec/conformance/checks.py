"""One comparison of a backend with the reference, for fixed and for drawn cases alike."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gcl_spec.backend import Backend
from gcl_spec.conformance.cases import Case
from gcl_spec.conformance.tolerances import bounds, computed_in, rounded, unit_roundoff

__all__ = ["QUANTITIES", "Disagreement", "Error", "check", "compare", "compare_with", "expected"]

QUANTITIES = ("loss", "grads", "dlog_scale")

Values = dict[str, npt.NDArray[np.float64]]


class Disagreement(AssertionError):  # noqa: N818  (it is the finding, not a failure of the check)
    """A backend is farther from the reference than rounding allows."""


@dataclass(frozen=True, slots=True)
class Error:
    """How far one quantity of one case is from the reference."""

    case: str
    quantity: str
    error: float
    """Absolute; for "grads" the Frobenius norm of the difference. Inf if not finite."""
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

        NaN where the quantity is 0 but for rounding: it then has no last place.
        """
        if self.error == 0:
            return 0.0
        return self.error / (self.roundoff * self.size) if self.size > self.bound else np.nan

    @property
    def agrees(self) -> bool:
        """Is the error within the bound?"""
        return self.error <= self.bound


def expected(reference: Backend, case: Case, *, dtype: str) -> Values:
    """What `reference` gives in float64 on the inputs rounded to `dtype`, by quantity."""
    return _run(reference, _rounded(case, dtype), "float64", reference.devices()[0])


def compare(
    backend: Backend, reference: Backend, case: Case, *, dtype: str, device: str
) -> tuple[Error, ...]:
    """Errors of loss, gradient and dlog_scale of `backend` in `dtype` on one case.

    Raises:
        Disagreement: what has no size: a wrong shape, a gradient of a missing row, inputs that
            were overwritten.
    """
    want = expected(reference, case, dtype=dtype)
    return compare_with(want, backend, case, dtype=dtype, device=device)


def compare_with(
    want: Values, backend: Backend, case: Case, *, dtype: str, device: str
) -> tuple[Error, ...]:
    """`compare` with the reference's values: `expected` of the same case and dtype."""
    try:
        have = _run(backend, _rounded(case, dtype), dtype, device)
    except Disagreement:
        raise
    except Exception as raised:  # whatever a backend under test may raise is a finding
        raise Disagreement(
            f"{backend.name} {dtype}: case {case.name!r} raises {type(raised).__name__}: {raised}"
        ) from raised
    size = float(np.linalg.norm(want["grads"]))
    allowed = bounds(case, dtype, float(want["loss"]), size)
    where = f"case {case.name!r}"
    errors = []
    for quantity in QUANTITIES:
        if have[quantity].shape != want[quantity].shape:
            raise Disagreement(
                f"{backend.name} {dtype}: {quantity} of {where} has shape "
                f"{have[quantity].shape}, not {want[quantity].shape}"
            )
        error = float(np.linalg.norm(have[quantity] - want[quantity]))
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


def check(backend: Backend, reference: Backend, case: Case, *, dtype: str, device: str) -> None:
    """`compare`, raising `Disagreement` for the first quantity that is out of bounds."""
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
        log_scale=float(rounded(np.asarray(case.log_scale), finer)),
        weights=None if case.weights is None else rounded(case.weights, finer),
    )


def _run(backend: Backend, case: Case, dtype: str, device: str) -> Values:
    def array(x: npt.NDArray[Any] | None, dtype: str) -> Any:
        return None if x is None else backend.from_numpy(x, dtype=dtype, device=device)

    rows = array(case.z_MBD, dtype)
    found = backend.loss_and_grads(
        rows,
        array(np.asarray(case.log_scale), computed_in(dtype)),
        objective=case.objective,
        present=array(case.present, "bool"),
        ids=array(case.ids, "int64"),
        tile=case.tile,
        **({} if case.weights is None else {"weights": array(case.weights, computed_in(dtype))}),
    )
    if not np.array_equal(backend.to_numpy(rows), case.z_MBD, equal_nan=True):
        raise Disagreement(
            f"{backend.name} {dtype}: case {case.name!r} overwrites its input; copy it first"
        )
    return {
        name: np.asarray(backend.to_numpy(getattr(found, name)), np.float64) for name in QUANTITIES
    }
