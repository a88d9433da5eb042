"""PyTorch as a `gcl_spec.backend.TrainingBackend`, on the CPU and on CUDA."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy.typing as npt
import torch
from array_api_compat import torch as torch_namespace

from gcl_spec._typing import AnyArray, ArrayNamespace, State
from gcl_spec.backend import Backend, LossAndGrads, Trainer
from gcl_spec.bench.protocol import Bench
from gcl_spec.config.options import Config
from gcl_spec.objective import Objective
from gcl_torch.loss.functions import loss_and_grads

__all__ = ["TorchBackend"]


class TorchBackend:
    """PyTorch; arrays are `torch.Tensor`."""

    name = "torch"
    xp: ArrayNamespace = torch_namespace

    def devices(self) -> Sequence[str]:
        """CUDA devices first, where there are any, then the CPU."""
        return (*(f"cuda:{i}" for i in range(torch.cuda.device_count())), "cpu")

    def from_numpy(self, x: npt.NDArray[Any], /, *, dtype: str, device: str) -> torch.Tensor:
        """A tensor of the dtype of that name on `device`."""
        return torch.tensor(x, dtype=getattr(torch, dtype), device=device)

    def to_numpy(self, x: torch.Tensor, /) -> npt.NDArray[Any]:
        """The values, detached and on the host; bfloat16, which NumPy lacks, as float32."""
        return (x.float() if x.dtype == torch.bfloat16 else x).detach().cpu().numpy()

    def loss_and_grads(
        self,
        z_MBD: torch.Tensor,
        log_scale: torch.Tensor,
        /,
        *,
        objective: Objective,
        present: torch.Tensor | None = None,
        ids: torch.Tensor | None = None,
        weights: torch.Tensor | None = None,
        tile: int | None = None,
    ) -> LossAndGrads:
        """See `gcl_spec.backend.Backend.loss_and_grads`."""
        return loss_and_grads(
            z_MBD,
            log_scale,
            objective=objective,
            present=present,
            ids=ids,
            weights=weights,
            tile=tile,
        )

    def spread(self, size: int, /) -> AbstractContextManager[Backend]:
        """See `gcl_spec.backend.SpreadBackend.spread`."""
        from gcl_torch.conformance.processes import (
            TorchProcesses,  # which is a backend of this kind
        )

        return TorchProcesses(size)

    def trainer(self, config: Config, /, *, device: str, state: State | None = None) -> Trainer:
        """See `gcl_spec.backend.TrainingBackend.trainer`."""
        from gcl_torch.train.trainer import (
            TorchTrainer,  # the towers' libraries take seconds to import
        )

        return TorchTrainer(config, device=device, state=state)

    def write_onnx(
        self, config: Config, state: State, inputs: Mapping[str, Mapping[str, AnyArray]], out: Path
    ) -> None:
        """See `gcl_spec.export.onnx.OnnxBackend.write_onnx`."""
        from gcl_torch.models.onnx import write_onnx

        write_onnx(config, state, inputs, out)

    def bench(self, /, *, device: str, dtype: str, threads: int) -> Bench:
        """See `gcl_spec.bench.protocol.BenchBackend.bench`."""
        from gcl_torch.bench.losses import TorchBench

        return TorchBench(device=device, dtype=dtype, threads=threads)
