"""A backend with a bug in it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gcl_spec.backend import Backend, LossAndGrads
from gcl_spec.conformance.asking import ask, backend_arrays
from gcl_spec.conformance.bugs.dense import Call
from gcl_spec.conformance.numpy_arrays import NumPyArrays

__all__ = ["Bug", "Compute", "Mutant"]

Compute = Callable[[Call], LossAndGrads]
Bug = Callable[[Call, Compute], LossAndGrads]
"""A bug takes a call and the right function, and gives a wrong result."""


class Mutant(NumPyArrays):
    """A backend with one bug, on the first device of the backend; its arrays are NumPy's, which go
    to the device when the loss is computed.

    `memory` keeps right results, so that many bugs on the same cases ask the backend once.
    """

    def __init__(
        self,
        backend: Backend,
        bug: Bug | None = None,
        *,
        name: str = "mutant",
        memory: dict[Any, LossAndGrads] | None = None,
    ) -> None:
        self.name = name
        self._backend, self._bug, self._memory = backend, bug, memory

    def devices(self) -> Sequence[str]:
        """The default device of the backend."""
        return tuple(self._backend.devices()[:1])

    def loss_and_grads(self, z_MBD: Any, log_scale: Any, /, **options: Any) -> LossAndGrads:
        """The backend's result with the bug in it."""
        call = Call(z_MBD, log_scale, **options)
        if self._bug is None:
            return self._right(call)
        with np.errstate(all="ignore"):
            return self._bug(call, self._right)

    def _right(self, call: Call) -> LossAndGrads:
        if self._memory is None:
            return self._ask(call)
        if call.key not in self._memory:
            self._memory[call.key] = self._ask(call)
        return self._memory[call.key]

    def _ask(self, call: Call) -> LossAndGrads:
        arrays = backend_arrays(self._backend, call, device=self.devices()[0])
        answer = ask(self._backend, call, arrays)
        values = (None if x is None else np.array(self._backend.to_numpy(x)) for x in answer)
        return LossAndGrads(*values)
