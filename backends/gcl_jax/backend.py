"""JAX as a `gcl_spec.backend.TrainingBackend`, on every device that JAX sees."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Unpack

import jax
import jax.numpy as jnp

from gcl_jax.arrays import JaxArrays
from gcl_jax.loss.functions import loss_and_grads
from gcl_jax.recall import retrieval_metrics
from gcl_spec._typing import FloatArray, State
from gcl_spec.backend import Backend, Bench, ChunkProducts, LossAndGrads, LossArguments, Trainer
from gcl_spec.config.options import Config

__all__ = ["JaxBackend"]


class JaxBackend(JaxArrays):
    """JAX, whose arrays are `jax.Array`; 64-bit types work without JAX's global switch."""

    def loss_and_grads(
        self, z_MBD: jax.Array, log_scale: jax.Array, /, **arguments: Unpack[LossArguments]
    ) -> LossAndGrads:
        """The objective and its gradients by tiles (`gcl_spec.backend.Backend.loss_and_grads`)."""
        with jax.enable_x64(z_MBD.dtype == jnp.float64):
            return loss_and_grads(z_MBD, log_scale, **arguments)

    def retrieval_metrics(
        self,
        scores_QC: jax.Array,
        relevant_QC: jax.Array,
        left_out_QC: jax.Array,
        gains_QC: jax.Array,
        /,
        metrics: tuple[str, ...],
    ) -> jax.Array:
        """The metrics, (T, 3, Q), compiled (`gcl_spec.backend.RankingBackend`)."""
        return retrieval_metrics(scores_QC, relevant_QC, left_out_QC, gains_QC, metrics)

    def spread(self, size: int, /) -> AbstractContextManager[Backend]:
        """This backend over `size` devices (`gcl_spec.backend.SpreadBackend.spread`)."""
        from gcl_jax.conformance.devices import JaxDevices  # it starts processes

        return JaxDevices(size)

    def trainer(self, config: Config, /, *, device: str, state: State | None = None) -> Trainer:
        """A trainer at a state or at fresh weights (`gcl_spec.backend.TrainingBackend.trainer`)."""
        from gcl_jax.train.trainer import JaxTrainer  # flax and the towers take a second to import

        return JaxTrainer(config, device=device, state=state)

    def bench(self, /, *, device: str, dtype: str, threads: int) -> Bench:
        """The losses to measure (`gcl_spec.backend.BenchBackend.bench`)."""
        from gcl_jax.bench.losses import JaxBench

        return JaxBench(device=device, dtype=dtype)

    def products(
        self, blocks_QD: Sequence[FloatArray], /, *, rows: int, device: str | None
    ) -> ChunkProducts:
        """Products of blocks of queries, (Q, D) each (`gcl_spec.backend.SearchBackend`)."""
        from gcl_jax.search.products import JaxProducts

        platform, _, number = (device or self.devices()[0]).partition(":")
        target = jax.local_devices(backend=platform)[int(number or 0)]
        return JaxProducts(blocks_QD, rows=rows, device=target)
