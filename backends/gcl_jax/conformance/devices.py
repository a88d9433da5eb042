"""The loss spread over devices of a mesh, for `gcl verify-backends --processes`."""

import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Unpack

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, PartitionSpec

from gcl_jax.arrays import JaxArrays
from gcl_jax.loss.functions import contrastive_loss
from gcl_spec.backend import Backend, LossAndGrads, LossArguments
from gcl_spec.conformance.workers import Workers
from gcl_spec.loss.call import OF_SAMPLES, arrays_of
from gcl_spec.loss.stacked import spread_call
from gcl_spec.objective import Objective

__all__ = ["JaxDevices"]


class _Question(NamedTuple):
    """One case: arrays by name, and the rest."""

    arrays: dict[str, np.ndarray[Any, Any]]
    """The rows "z", "log_scale", and every array of `LossArguments` that is given."""
    objective: Objective
    tile: int | None


class JaxDevices(JaxArrays):
    """JAX on a mesh of `size` devices, which one process of its own makes of the CPU.

    The samples are padded with ones that are not present, since a mesh has even shares.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={size}"
        self._workers = Workers(_make_mesh, 1, {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"})

    def __enter__(self) -> Backend:
        return self

    def __exit__(self, *raised: object) -> None:
        self._workers.close()

    def devices(self) -> Sequence[str]:
        """The only device, the CPU."""
        return ("cpu:0",)

    def loss_and_grads(
        self, z_MBD: jax.Array, log_scale: jax.Array, /, **arguments: Unpack[LossArguments]
    ) -> LossAndGrads:
        """The objective and its gradients, spread over the mesh (`Backend.loss_and_grads`)."""
        objective, tile = arguments["objective"], arguments.get("tile")
        given = {"z": z_MBD, "log_scale": log_scale, **arrays_of(arguments)}
        arrays = {name: np.asarray(x) for name, x in given.items()}
        samples = z_MBD.shape[1]
        question = _Question(_padded(arrays, -samples % self.size, objective), objective, tile)
        (loss, by), *_ = self._workers.ask(question)
        return LossAndGrads(loss, by["z"][:, :samples], by["log_scale"], by.get("bias"))


def _padded(arrays: dict[str, Any], pad: int, objective: Objective) -> dict[str, Any]:
    """The arrays with `pad` more samples, which are not present."""
    samples = arrays["z"].shape[1]
    if pad and "present" not in arrays:
        arrays["present"] = np.ones((len(objective.modalities), samples), bool)

    def longer(x: np.ndarray[Any, Any], axis: int | None) -> np.ndarray[Any, Any]:
        widths = [(0, pad if k == axis else 0) for k in range(x.ndim)]
        return x if axis is None else np.pad(x, widths)

    return {name: longer(x, _axis(name, x)) for name, x in arrays.items()}


def _axis(name: str, x: np.ndarray[Any, Any]) -> int | None:
    """The axis of the samples of an array; None where all samples share one value."""
    return 1 if name == "z" else x.ndim - 1 if name in OF_SAMPLES else None


def _cut(x: np.ndarray[Any, Any], axis: int | None) -> PartitionSpec:
    """The partition with the mesh's axis at the axis of the samples."""
    names = ["data" if k == axis else None for k in range(x.ndim)]
    return PartitionSpec(*names)  # type: ignore[no-untyped-call]


def _make_mesh(rank: int, size: int, folder: str) -> Callable[[_Question], Any]:
    jax.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call]
    mesh = jax.make_mesh((len(jax.devices()),), ("data",), axis_types=(AxisType.Auto,))

    def answer(x: _Question) -> Any:
        def loss(arrays: dict[str, jax.Array]) -> jax.Array:
            numbers = ("z", "log_scale")
            arguments: Any = {name: y for name, y in arrays.items() if name not in numbers}
            arguments |= {"objective": x.objective, "tile": x.tile}
            rows, named = spread_call(arrays["z"], arguments, xp=jnp)
            return contrastive_loss(rows, log_scale=arrays["log_scale"], axis_name="data", **named)

        specs = {name: _cut(array, _axis(name, array)) for name, array in x.arrays.items()}
        everywhere = PartitionSpec()  # type: ignore[no-untyped-call]
        spread = jax.shard_map(loss, mesh=mesh, in_specs=(specs,), out_specs=everywhere)
        arrays = {name: jnp.asarray(array) for name, array in x.arrays.items()}
        numbers = {name: y for name, y in arrays.items() if name in ("z", "log_scale", "bias")}
        step = jax.jit(jax.value_and_grad(lambda given: spread({**arrays, **given})))
        return jax.tree.map(np.asarray, step(numbers))

    return answer
