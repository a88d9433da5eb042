"""PyTorch as a `gcl_spec.backend.TrainingBackend`, on the CPU and on CUDA."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Unpack

import torch

from gcl_spec._typing import AnyArray, FloatArray, State
from gcl_spec.backend import Backend, Bench, ChunkProducts, LossAndGrads, LossArguments, Trainer
from gcl_spec.config.options import Config
from gcl_torch.arrays import TorchArrays
from gcl_torch.loss.functions import loss_and_grads

__all__ = ["TorchBackend"]


class TorchBackend(TorchArrays):
    """PyTorch; arrays are `torch.Tensor`."""

    def loss_and_grads(
        self, z_MBD: torch.Tensor, log_scale: torch.Tensor, /, **arguments: Unpack[LossArguments]
    ) -> LossAndGrads:
        """The objective and its gradients by tiles (`gcl_spec.backend.Backend.loss_and_grads`)."""
        return loss_and_grads(z_MBD, log_scale, **arguments)

    def spread(self, size: int, /) -> AbstractContextManager[Backend]:
        """This backend over `size` processes (`gcl_spec.backend.SpreadBackend.spread`)."""
        from gcl_torch.conformance.processes import TorchProcesses  # it starts processes

        return TorchProcesses(size)

    def trainer(self, config: Config, /, *, device: str, state: State | None = None) -> Trainer:
        """A trainer at a state or at fresh weights (`gcl_spec.backend.TrainingBackend.trainer`)."""
        # The towers' libraries take seconds to import.
        from gcl_torch.train.trainer import TorchTrainer

        return TorchTrainer(config, device=device, state=state)

    def write_onnx(
        self,
        config: Config,
        weights: State,
        inputs: Mapping[str, Mapping[str, AnyArray]],
        out: Path,
    ) -> None:
        """Write ONNX graphs of a run (`gcl_spec.backend.OnnxBackend.write_onnx`)."""
        from gcl_torch.models.onnx import write_onnx

        write_onnx(config, weights, inputs, out)

    def bench(self, /, *, device: str, dtype: str, threads: int) -> Bench:
        """The losses to measure (`gcl_spec.backend.BenchBackend.bench`)."""
        from gcl_torch.bench.losses import TorchBench

        return TorchBench(device=device, dtype=dtype, threads=threads)

    def products(
        self, blocks_QD: Sequence[FloatArray], /, *, rows: int, device: str | None
    ) -> ChunkProducts:
        """Products of blocks of queries, (Q, D) each (`gcl_spec.backend.SearchBackend`)."""
        from gcl_torch.search.products import TorchProducts

        return TorchProducts(blocks_QD, rows=rows, device=device or self.devices()[0])
