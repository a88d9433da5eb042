"""How a backend is asked for the loss of a case: with every argument that the case gives."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from gcl_spec.backend import Backend, LossAndGrads, LossArguments
from gcl_spec.conformance.tolerances import computed_in
from gcl_spec.objective import Objective

__all__ = ["ARRAYS", "ask", "backend_arrays"]

ARRAYS = (
    "z_MBD",
    "log_scale",
    *(name for name in LossArguments.__annotations__ if name not in ("objective", "tile")),
)
"""The names of the arrays that a loss may be given."""

_ALWAYS = ("present", "ids")
"""The arguments that every backend knows; one that takes whole stacks only may know no other."""


class _Asked(Protocol):
    """A question: a case, or a call that has these and the arrays of `ARRAYS` as attributes."""

    @property
    def objective(self) -> Objective:
        """The objective."""

    @property
    def tile(self) -> int | None:
        """The samples of a tile, or None."""


def backend_arrays(
    backend: Backend, case: _Asked, *, device: str, dtype: str | None = None
) -> dict[str, Any]:
    """The arrays of a case as the backend's, of the same shapes, without those that are not given.

    Args:
        backend: the backend.
        case: a case, whose arrays are NumPy's.
        device: one of the backend's devices.
        dtype: the dtype of the rows; the other numbers are in that of logits. None: every array
            keeps its own.
    """
    kinds = {"z_MBD": dtype, "present": "bool", "ids": "int64"}
    given = {name: getattr(case, name) for name in ARRAYS}
    arrays = {name: np.asarray(x) for name, x in given.items() if x is not None}

    def kind(name: str) -> str:
        own = str(arrays[name].dtype)
        return own if dtype is None else kinds.get(name) or computed_in(dtype)

    return {
        name: backend.from_numpy(x, dtype=kind(name), device=device) for name, x in arrays.items()
    }


def ask(backend: Backend, case: _Asked, arrays: Mapping[str, Any]) -> LossAndGrads:
    """What the backend finds for the objective and tile of a case.

    Args:
        backend: the backend.
        case: the case.
        arrays: its `backend_arrays`.
    """
    rows, log_scale, *_ = arrays.values()
    further = {name: arrays[name] for name in ARRAYS[2:] if name in arrays}
    masks = dict.fromkeys(_ALWAYS)
    return backend.loss_and_grads(
        rows, log_scale, objective=case.objective, tile=case.tile, **{**masks, **further}
    )
