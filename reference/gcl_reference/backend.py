"""The reference as a `gcl_spec.backend.Backend`; it computes losses and does not train."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gcl_reference.fusion import Fusion
from gcl_reference.loss import Samples, gradients
from gcl_spec.backend import LossAndGrads
from gcl_spec.objective import Objective

__all__ = ["ReferenceBackend"]


class ReferenceBackend:
    """NumPy, float64 throughout; no tiles, no tricks."""

    name = "reference"
    xp = np

    def devices(self) -> Sequence[str]:
        """The CPU."""
        return ("cpu",)

    def from_numpy(self, x: npt.NDArray[Any], /, *, dtype: str, device: str) -> npt.NDArray[Any]:
        """A copy of `x` in the NumPy dtype of that name."""
        return x.astype(dtype)

    def to_numpy(self, x: npt.NDArray[Any], /) -> npt.NDArray[Any]:
        """`x` itself."""
        return x

    def loss_and_grads(
        self,
        z_MBD: npt.NDArray[Any],
        log_scale: npt.NDArray[Any],
        /,
        *,
        objective: Objective,
        present: npt.NDArray[np.bool_] | None = None,
        ids: npt.NDArray[np.integer[Any]] | None = None,
        weights: npt.NDArray[np.floating[Any]] | None = None,
        tile: int | None = None,
    ) -> LossAndGrads:
        """See `gcl_spec.backend.Backend.loss_and_grads`; `tile` changes nothing here."""
        fusion = Fusion(z_MBD.astype(np.float64), objective, present, weights)
        samples = Samples(fusion.z_MBD, objective, present, ids)
        found = gradients(samples, np.asarray(log_scale))
        grads = fusion.pull_back(found.grads)
        return LossAndGrads(np.asarray(found.loss), grads, np.asarray(found.dlog_scale))
