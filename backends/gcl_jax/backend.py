"""JAX as a `gcl_spec.backend.TrainingBackend`, on every device that JAX sees."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from gcl_jax.loss.functions import loss_and_grads
from gcl_jax.train.world import join_processes
from gcl_spec._typing import ArrayNamespace, State
from gcl_spec.backend import Backend, LossAndGrads, Trainer
from gcl_spec.bench.protocol import Bench
from gcl_spec.config.options import Config
from gcl_spec.objective import Objective

__all__ = ["JaxBackend"]


class JaxBackend:
    """JAX; arrays are `jax.Array`. 64-bit types work without JAX's global switch."""

    name = "jax"
    xp: ArrayNamespace = jnp

    def devices(self) -> Sequence[str]:
        """This process's by platform and number, JAX's default first, the CPU among them."""
        join_processes()  # before the first look at a device, which settles what JAX sees
        found = [jax.local_devices()]
        if found[0][0].platform != "cpu":
            found.append(jax.local_devices(backend="cpu"))
        return tuple(f"{d.platform}:{n}" for part in found for n, d in enumerate(part))

    def from_numpy(self, x: npt.NDArray[Any], /, *, dtype: str, device: str) -> jax.Array:
        """An array of the dtype of that name on `device`."""
        platform, _, number = device.partition(":")
        with jax.enable_x64(True):
            target = jax.local_devices(backend=platform)[int(number or 0)]
            array: jax.Array = jax.device_put(np.asarray(x, dtype=dtype), target)
        return array

    def to_numpy(self, x: jax.Array, /) -> npt.NDArray[Any]:
        """The values on the host; bfloat16, which NumPy lacks, as float32."""
        return np.asarray(x, np.float32) if x.dtype == jnp.bfloat16 else np.asarray(x)

    def loss_and_grads(
        self,
        z_MBD: jax.Array,
        log_scale: jax.Array,
        /,
        *,
        objective: Objective,
        present: jax.Array | None = None,
        ids: jax.Array | None = None,
        weights: jax.Array | None = None,
        tile: int | None = None,
    ) -> LossAndGrads:
        """See `gcl_spec.backend.Backend.loss_and_grads`."""
        with jax.enable_x64(z_MBD.dtype == jnp.float64):
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
        from gcl_jax.conformance.devices import JaxDevices  # which is a backend of this kind

        return JaxDevices(size)

    def trainer(self, config: Config, /, *, device: str, state: State | None = None) -> Trainer:
        """See `gcl_spec.backend.TrainingBackend.trainer`."""
        from gcl_jax.train.trainer import JaxTrainer  # flax and the towers take a second to import

        return JaxTrainer(config, device=device, state=state)

    def bench(self, /, *, device: str, dtype: str, threads: int) -> Bench:
        """See `gcl_spec.bench.protocol.BenchBackend.bench`."""
        from gcl_jax.bench.losses import JaxBench

        return JaxBench(device=device, dtype=dtype)
