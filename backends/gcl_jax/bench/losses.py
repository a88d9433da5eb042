"""The losses that `gcl bench loss` measures in JAX, compiled before they are timed."""

import time
from collections.abc import Callable, Mapping
from functools import partial

import jax
import jax.numpy as jnp

from gcl_jax.loss import functions
from gcl_spec._typing import FloatArray
from gcl_spec.backend import Candidate, Inputs, Memory, Prepared, Step
from gcl_spec.errors import InputError
from gcl_spec.loss.equation import gcl_loss
from gcl_spec.loss.plain import plain_blocks
from gcl_spec.loss.settings import FAMILY, Setting
from gcl_spec.normalize import l2_normalize
from gcl_spec.objective import Objective

__all__ = ["JaxBench"]

_QUERIES, _DOCUMENTS = (0, 0, 1, 1, 2, 2), (1, 2, 0, 2, 0, 1)


class JaxBench:
    """The losses that `gcl bench` measures on one device, in one dtype (`gcl_spec.backend.Bench`).

    The number of threads is fixed when JAX is imported (`gcl_spec.bench.process.environment`).
    """

    def __init__(self, *, device: str, dtype: str) -> None:
        # This is global, but the process only measures.
        jax.config.update("jax_enable_x64", dtype == "float64")  # type: ignore[no-untyped-call]
        platform, _, number = device.partition(":")
        self.version: str = jax.__version__
        self._device = jax.devices(platform)[int(number or 0)]
        self._dtype = jnp.dtype(dtype)

    def candidates(self) -> Mapping[str, Candidate]:
        """The losses of this library, by whole blocks and by tiles."""
        gram = functions.gcl_loss
        plain = partial(gcl_loss, xp=jnp, kernel=plain_blocks)
        return {
            "by-hand": Candidate(
                partial(self._own, _by_hand), "all logits at once, jit(value_and_grad)", "gcl"
            ),
            "plain": Candidate(
                partial(self._own, plain), "gcl_spec.loss.gcl_loss, jit(value_and_grad)"
            ),
            "gram": Candidate(partial(self._own, gram), "gcl_jax.gcl_loss(image, text)"),
            "gram-given": Candidate(
                partial(self._given, gram), "gcl_jax.gcl_loss(image, text, fused)"
            ),
            **{
                f"gram:{name}": Candidate(
                    partial(self._family, setting), f"gcl_jax.gcl_loss, {setting.what}", name
                )
                for name, setting in FAMILY.items()
            },
        }

    def product(self, rows_ND: FloatArray, /) -> Step:
        """The unit of time: a step that computes rows @ rows^T as a new array (N, N)."""
        rows = self._array(rows_ND)
        product = jax.jit(lambda x: x @ x.T).lower(rows).compile()
        return lambda: product(rows)

    def wait(self, result: object, /) -> None:
        """Wait until a result is computed, because calls return before that."""
        jax.block_until_ready(result)  # type: ignore[no-untyped-call]

    def memory(self) -> Memory | None:
        """The meter of the device's memory, where it keeps a count; else None."""
        return _DeviceMemory(self._device) if self._device.memory_stats() else None

    def _own(
        self, loss: Callable[..., jax.Array], inputs: Inputs, objective: Objective
    ) -> Prepared:
        def value(image: jax.Array, text: jax.Array, scale: jax.Array) -> jax.Array:
            return loss(image, text, log_scale=scale, objective=objective)

        return self._compiled(value, inputs.image_BD, inputs.text_BD, inputs.log_scale)

    def _given(
        self, loss: Callable[..., jax.Array], inputs: Inputs, objective: Objective
    ) -> Prepared:
        if "image+text" not in objective.modalities:
            raise InputError("the objective has no fused rows to be given")

        def value(
            image: jax.Array, text: jax.Array, fused: jax.Array, scale: jax.Array
        ) -> jax.Array:
            return loss(image, text, fused, log_scale=scale, objective=objective)

        return self._compiled(value, *inputs)

    def _family(self, setting: Setting, inputs: Inputs, objective: Objective) -> Prepared:
        def value(
            image: jax.Array, text: jax.Array, scale: jax.Array, *bias: jax.Array
        ) -> jax.Array:
            more = bias[0] if bias else None
            return functions.gcl_loss(
                image, text, log_scale=scale, objective=setting.objective, bias=more
            )

        scale, bias = setting.log_scale(float(inputs.log_scale)), setting.bias()
        more = [] if bias is None else [bias]
        return self._compiled(value, inputs.image_BD, inputs.text_BD, scale, *more)

    def _compiled(self, value: Callable[..., jax.Array], *values: FloatArray | float) -> Prepared:
        arrays = tuple(self._array(value) for value in values)
        gradient = jax.value_and_grad(value, argnums=tuple(range(len(arrays))))
        begun = time.perf_counter()
        step = jax.jit(gradient).lower(*arrays).compile()
        return Prepared(lambda: step(*arrays), time.perf_counter() - begun)

    def _array(self, value: FloatArray | float) -> jax.Array:
        array: jax.Array = jax.device_put(jnp.asarray(value, dtype=self._dtype), self._device)
        return array


def _by_hand(
    image: jax.Array, text: jax.Array, *, log_scale: jax.Array, objective: Objective
) -> jax.Array:
    """GCL as one would write it into a training script: every logit at once, then autodiff."""
    fused = l2_normalize(image + text, xp=jnp)
    rows = jnp.concatenate([image, text, fused])
    logits = jnp.exp(log_scale) * rows @ rows.T
    logits = jnp.where(jnp.eye(len(rows), dtype=bool), -jnp.inf, logits)
    log_p = jax.nn.log_softmax(logits, axis=1)
    log_p = log_p.reshape(3, len(image), 3, len(image))
    positives = jnp.diagonal(log_p, axis1=1, axis2=3)  # (3, 3, B)
    return -jnp.mean(positives[jnp.asarray(_QUERIES), jnp.asarray(_DOCUMENTS)])


class _DeviceMemory:
    kind = "jax.Device.memory_stats"

    def __init__(self, device: jax.Device) -> None:
        self._device = device
        self._start = self._high = 0

    def start(self) -> None:
        stats = self._device.memory_stats()
        self._start, self._high = stats["bytes_in_use"], stats["peak_bytes_in_use"]

    def peak(self) -> int | None:
        # The peak cannot be set back, so one from before the start hides a smaller one.
        high: int = self._device.memory_stats()["peak_bytes_in_use"]
        return high - self._start if high > self._high else None
