"""The reference as a `gcl_spec.backend.Backend`; it computes losses and does not train."""

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from gcl_reference.fusion import Fusion
from gcl_reference.loss import Samples, gradients
from gcl_reference.recall import band
from gcl_spec.backend import LossAndGrads, LossArguments
from gcl_spec.errors import InputError
from gcl_spec.objective import Objective

__all__ = ["ReferenceBackend"]


class ReferenceBackend:
    """The reference on NumPy, in float64 throughout, without tiles or tricks."""

    name = "reference"
    xp = np

    def devices(self) -> Sequence[str]:
        """The only device, the CPU."""
        return ("cpu",)

    def from_numpy(self, x: npt.NDArray[Any], /, *, dtype: str, device: str) -> npt.NDArray[Any]:
        """A copy of `x`, of the same shape, in the NumPy dtype of that name."""
        return x.astype(dtype)

    def to_numpy(self, x: npt.NDArray[Any], /) -> npt.NDArray[Any]:
        """The array `x` itself, of any shape."""
        return x

    def loss_and_grads(
        self,
        z_MBD: npt.NDArray[Any],
        log_scale: npt.NDArray[Any],
        /,
        **arguments: Unpack[LossArguments],
    ) -> LossAndGrads:
        """The objective and its gradients (`gcl_spec.backend.Backend.loss_and_grads`), in float64.

        The results have the dtypes of what they are derivatives by. `tile` changes nothing.
        """
        objective = arguments["objective"]
        present, ids = arguments.get("present"), arguments.get("ids")
        _refuse(z_MBD, log_scale, objective, present, ids)
        fusion = Fusion(z_MBD.astype(np.float64), objective, present, arguments.get("weights"))
        samples = Samples(fusion.z_MBD, objective, present, ids)
        scale, bias = np.asarray(log_scale), arguments.get("bias")
        derivatives = gradients(samples, scale, bias)
        grads = fusion.pull_back(derivatives.grads).astype(z_MBD.dtype)
        loss, dlog_scale = (
            np.asarray(x, scale.dtype) for x in (derivatives.loss, derivatives.dlog_scale)
        )
        dbias = None if bias is None else np.asarray(derivatives.dbias, scale.dtype)
        return LossAndGrads(loss, grads, dlog_scale, dbias)

    def retrieval_metrics(
        self,
        scores_QC: npt.NDArray[Any],
        relevant_QC: npt.NDArray[np.bool_],
        left_out_QC: npt.NDArray[np.bool_],
        gains_QC: npt.NDArray[Any],
        /,
        metrics: tuple[str, ...],
    ) -> npt.NDArray[np.float64]:
        """The metrics, (T, 3, Q), in float64 (`gcl_spec.backend.RankingBackend`)."""
        given = [x.tolist() for x in (scores_QC, relevant_QC, left_out_QC, gains_QC)]
        bands = [[band(name, *query) for query in zip(*given, strict=True)] for name in metrics]
        return np.moveaxis(np.asarray(bands), 1, 2)


def _refuse(
    z_MBD: npt.NDArray[Any],
    log_scale: npt.NDArray[Any],
    objective: Objective,
    present: npt.NDArray[np.bool_] | None,
    ids: npt.NDArray[np.integer[Any]] | None,
) -> None:
    """Raise an `InputError` for input without a loss; a batch without a pair is refused later."""
    given, samples = z_MBD.shape[:2]
    names = objective.modalities
    rest = [m for m, n in enumerate(names) if sum(part in names for part in n.split("+")) != 2]
    if given not in (len(names), len(rest)):
        raise InputError(f"{given} modalities are given; wanted rows of {', '.join(names)}")
    if z_MBD.size == 0:
        raise InputError(f"embeddings have shape {z_MBD.shape}; wanted one sample at least")
    for name, x, shape in (("present", present, (len(names), samples)), ("ids", ids, (samples,))):
        if x is not None and x.shape != shape:
            raise InputError(f"{name} has shape {x.shape}; wanted {shape}")
    if not np.all(np.isfinite(log_scale)):
        raise InputError(f"log_scale is {log_scale}; wanted a finite number")
    size_MB = np.abs(z_MBD).max(axis=-1)
    here_MB = np.ones(size_MB.shape, bool)
    if present is not None:
        here_MB = present if given == len(names) else present[rest]
    bad_MB = here_MB & ~((size_MB > 0) & np.isfinite(size_MB))
    if bad_MB.any():
        m, row = np.argwhere(bad_MB)[0]
        raise InputError(f"row {row} of modality {m} is 0, NaN or Inf; mark it absent in `present`")
