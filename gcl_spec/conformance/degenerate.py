"""Input that a loss must refuse: a silent 0 or NaN spoils a training that nobody watches."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gcl_spec._words import one_line
from gcl_spec.backend import Backend
from gcl_spec.conformance.cases.case import Case
from gcl_spec.conformance.compare import loss_of
from gcl_spec.objective import GCL

__all__ = ["accepted", "degenerate_cases"]


def degenerate_cases() -> Iterator[Case]:
    """Cases that each have one thing wrong, which the name says."""
    z = np.random.default_rng(0).normal(size=(3, 4, 5))
    present, ids = np.ones((3, 4), bool), np.arange(4)
    right = Case("", z, 1.0, GCL, present, ids)
    zero, nan, nobody = z.copy(), z.copy(), present.copy()
    zero[1, 2], nan[1, 2, 3], nobody[1:] = 0.0, np.nan, False
    yield replace(right, name="zero row", z_MBD=zero)
    yield replace(right, name="NaN in a row", z_MBD=nan)
    yield replace(right, name="no pair", present=nobody)
    yield replace(right, name="rows of one modality", z_MBD=z[:1])
    yield replace(right, name="present of another shape", present=present[:, :3])
    yield replace(right, name="ids of another shape", ids=ids[:3])
    yield replace(right, name="no sample", z_MBD=z[:, :0], present=present[:, :0], ids=ids[:0])
    yield replace(right, name="log_scale is NaN", log_scale=np.nan)


def accepted(backend: Backend, case: Case, *, device: str) -> str:
    """A line on what is wrong where `backend` accepts a degenerate case; "" where it refuses it.

    Args:
        backend: the backend under test.
        case: an input that must be refused.
        device: a CPU, since backends may not look at values elsewhere: that would wait for the
            device.
    """
    try:
        loss = loss_of(backend, case, dtype="float64", device=device)
    except (ValueError, TypeError):
        return ""
    except (Exception, SystemExit) as error:
        said = one_line(f"{type(error).__name__}: {error}")
        return f"{case.name} raises {said}; it must be a ValueError that says so"
    return f"{case.name} gives the loss {loss:.3g}; it must be a ValueError"
