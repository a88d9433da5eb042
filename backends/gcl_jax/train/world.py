"""The devices and processes of a run, a mesh whose one axis is that of the samples."""

import os
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np
import numpy.typing as npt
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from gcl_spec.errors import ConfigError

__all__ = ["AXIS", "JaxWorld", "join_processes"]

AXIS = "samples"

# JAX's service aborts all processes with a trace of its own after this many seconds of silence of
# one. `gcl_spec.train.heartbeat` comes before that, and says which one it was.
_HEARTBEAT = 600

# XLA (jaxlib 0.10) raises errors of several classes, which only their text tells from others.
_LOST = re.compile("gloo|nccl|coordination|connection|unavailable|deadline|barrier", re.IGNORECASE)


def join_processes() -> None:
    """Join the other processes where `JAX_COORDINATOR_ADDRESS` and its companions tell of them.

    Raises:
        ConfigError: a variable is missing, or the processes do not find each other.
    """
    address = os.environ.get("JAX_COORDINATOR_ADDRESS")
    if address is None or jax.distributed.is_initialized():
        return
    try:
        count, place = (int(os.environ[f"JAX_{key}"]) for key in ("NUM_PROCESSES", "PROCESS_ID"))
        jax.distributed.initialize(
            address,
            num_processes=count,
            process_id=place,
            heartbeat_timeout_seconds=_HEARTBEAT,
        )
    except (KeyError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"the processes of this run do not find each other: {error!r}; start each with "
            "JAX_COORDINATOR_ADDRESS=HOST:PORT JAX_NUM_PROCESSES=N JAX_PROCESS_ID=0..N-1"
        ) from error


@dataclass(frozen=True)
class JaxWorld:
    """The `gcl_spec.backend.World` of JAX's processes, and the places of the run's arrays."""

    devices: tuple[jax.Device, ...]

    @classmethod
    def of(cls, device: jax.Device, count: int) -> "JaxWorld":
        """A world of `count` devices of each process from `device` on, of the same platform.

        Raises:
            ConfigError: there are fewer devices.
        """
        platform = device.platform
        local = [d for d in jax.local_devices(backend=platform) if d.id >= device.id]
        if len(local) < count:
            raise ConfigError(
                f"train.devices = {count}, but from {platform}:{device.id} on there are "
                f"{len(local)} devices"
            )
        if jax.process_count() == 1:
            return cls(tuple(local[:count]))
        chosen = [
            d
            for rank in range(jax.process_count())
            for d in [x for x in jax.devices(platform) if x.process_index == rank][:count]
        ]
        return cls(tuple(chosen))

    @property
    def rank(self) -> int:
        """The place of this process, from 0."""
        return int(jax.process_index())

    @property
    def size(self) -> int:
        """The number of processes."""
        return int(jax.process_count())

    @property
    def host(self) -> str:
        """The address of the coordinator, which is process 0."""
        return os.environ.get("JAX_COORDINATOR_ADDRESS", "").rpartition(":")[0].strip("[]")

    def barrier(self) -> None:
        """Wait until all processes are here."""
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices("gcl-spec")

    def any(self, flag: bool, /) -> bool:
        """Is it true in any process?"""
        from jax.experimental import multihost_utils

        flags = multihost_utils.process_allgather(np.asarray(flag, np.float32))
        return bool(np.any(flags))

    def first(self, number: int, /) -> int:
        """The number that process 0 has given."""
        from jax.experimental import multihost_utils

        return int(multihost_utils.broadcast_one_to_all(np.asarray(number, np.int32)))

    def lost(self, error: Exception, /) -> bool:
        """Is this the error of an exchange with a process that has gone?"""
        kinds = (jax.errors.JaxRuntimeError, RuntimeError, ValueError)
        return isinstance(error, kinds) and _LOST.search(str(error)) is not None

    def largest(self, number: int, /) -> int:
        """The largest of the numbers of all processes."""
        from jax.experimental import multihost_utils

        if self.size == 1:
            return number
        return int(np.max(multihost_utils.process_allgather(np.asarray(number, np.int32))))

    @cached_property
    def mesh(self) -> Mesh:
        """All devices along `AXIS`."""
        auto = (jax.sharding.AxisType.Auto,)
        return Mesh(np.asarray(self.devices), (AXIS,), axis_types=auto)

    def everywhere(self, tree: Any) -> Any:
        """The NumPy or JAX arrays of a tree, whole on every device."""
        return self._placed(tree, PartitionSpec())  # type: ignore[no-untyped-call]

    def spread(self, tree: Any) -> Any:
        """This process's samples, spread over its devices; the batch is those of all processes."""
        rows = PartitionSpec(AXIS)  # type: ignore[no-untyped-call]
        if self.size == 1:  # one call for all arrays takes half the time
            return jax.device_put(tree, NamedSharding(self.mesh, rows))
        return self._placed(tree, rows)

    def here(self, tree: Any) -> Any:
        """Arrays that are whole everywhere, taken from the first device of this process."""
        return jax.tree.map(lambda x: x.addressable_data(0), tree)

    def check_divides(self, samples: int) -> None:
        """Raise a `ConfigError` where devices cannot have equal shares."""
        if samples % len(self.devices):
            raise ConfigError(
                f"train.batch_size = {samples} is no multiple of the {len(self.devices)} devices "
                "that share it"
            )

    def _placed(self, tree: Any, spec: PartitionSpec) -> Any:
        sharding = NamedSharding(self.mesh, spec)

        def place(x: npt.NDArray[Any]) -> Any:
            return jax.make_array_from_process_local_data(  # type: ignore[no-untyped-call]
                sharding, np.asarray(x)
            )

        return jax.tree.map(place, tree)
