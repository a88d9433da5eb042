"""JAX's arrays: the devices for them, and their way from and to NumPy."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from gcl_jax.train.world import join_processes
from gcl_spec._typing import ArrayNamespace

__all__ = ["JaxArrays"]


class JaxArrays:
    """What every backend of `jax.Array` shares, on one device or a mesh of them."""

    name = "jax"
    xp: ArrayNamespace = jnp

    def devices(self) -> Sequence[str]:
        """The devices of this process by platform and number, JAX's default first."""
        join_processes()  # before the first look at a device, which settles what JAX sees
        by_platform = [jax.local_devices()]
        if by_platform[0][0].platform != "cpu":
            by_platform.append(jax.local_devices(backend="cpu"))
        return tuple(f"{d.platform}:{n}" for part in by_platform for n, d in enumerate(part))

    def from_numpy(self, x: npt.NDArray[Any], /, *, dtype: str, device: str) -> jax.Array:
        """An array of the same shape, of the dtype of that name, on `device`."""
        platform, _, number = device.partition(":")
        with jax.enable_x64(True):
            target = jax.local_devices(backend=platform)[int(number or 0)]
            array: jax.Array = jax.device_put(np.asarray(x, dtype=dtype), target)
        return array

    def to_numpy(self, x: jax.Array, /) -> npt.NDArray[Any]:
        """The values on the host, in the same shape; bfloat16, which NumPy lacks, as float32."""
        return np.asarray(x, np.float32) if x.dtype == jnp.bfloat16 else np.asarray(x)
