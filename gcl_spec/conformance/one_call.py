"""One call of a backend on a drawn case, and when two results are the same."""

from typing import NamedTuple

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.backend import Backend
from gcl_spec.conformance.asking import ask, backend_arrays
from gcl_spec.conformance.cases.case import Case
from gcl_spec.conformance.compare import QUANTITIES
from gcl_spec.objective import GCL, Objective

__all__ = ["B", "D", "Result", "compute", "draw_case", "near"]

B, D = 6, 4
"""The samples and the width of a drawn case."""


class Result(NamedTuple):
    """The loss and gradients of one call."""

    loss: FloatArray
    """Shape ()."""
    grads: FloatArray
    """The derivative by the rows, of their shape."""
    dlog_scale: FloatArray
    """The derivative by log_scale, of its shape."""
    dbias: FloatArray | None = None
    """The derivative by the bias, of its shape, where there is one."""


def compute(backend: Backend, case: Case, dtype: str = "float64") -> Result:
    """Loss and gradients as NumPy arrays in float64."""
    arrays = backend_arrays(backend, case, dtype=dtype, device=backend.devices()[0])
    answer = ask(backend, case, arrays)
    values = [x for x in answer if x is not None]
    return Result(*(backend.to_numpy(x).astype(np.float64) for x in values))


def draw_case(seed: int, objective: Objective = GCL) -> Case:
    """A case with both masks as arrays, so that one program serves every law."""
    rng = np.random.default_rng(seed)
    present = rng.random((3, B)) > 0.25
    present[:, 0] = True
    z = rng.normal(size=(3, B, D)) * rng.uniform(0.3, 2, size=(3, B, 1))
    ids = rng.integers(0, 4, B)
    return Case("drawn", z, float(rng.uniform(-2, 4)), objective, present, ids)


def near(answer: Result, want: Result) -> None:
    """Assert that two results differ by no more than another order of arithmetic explains."""
    for name in QUANTITIES:
        have, right = getattr(answer, name), getattr(want, name)
        if right is None:
            continue
        atol = 1e-11 * max(1.0, float(np.abs(right).max()), float(want.loss))
        np.testing.assert_allclose(have, right, rtol=1e-9, atol=atol, err_msg=name)
