"""The loss for JAX: the neutral equation with the tiled kernel."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Unpack

import jax
import jax.numpy as jnp
import numpy as np
from array_api_compat import numpy as numpy_namespace

from gcl_jax.loss.gathered_rows import gathered, one_value
from gcl_jax.loss.kernel import GramKernel
from gcl_spec.backend import LossAndGrads, LossArguments
from gcl_spec.loss.call import arrays_of
from gcl_spec.loss.equation import contrastive_loss as neutral_loss
from gcl_spec.loss.equation import pair_rows, pair_weights
from gcl_spec.loss.inputs import Weights
from gcl_spec.loss.stacked import check_stacked, stacked_loss, stacked_options
from gcl_spec.objective import GCL, Objective

__all__ = ["contrastive_loss", "gcl_loss", "loss_and_grads"]


def gcl_loss(
    image: jax.Array,
    text: jax.Array,
    fused: jax.Array | None = None,
    *,
    log_scale: jax.Array | float,
    objective: Objective = GCL,
    weights: Weights | None = None,
    present: Mapping[str, jax.Array] | None = None,
    ids: jax.Array | None = None,
    captions: jax.Array | None = None,
    bias: jax.Array | float | None = None,
    tile: int | None = None,
    axis_name: str | None = None,
) -> jax.Array:
    """Generalized contrastive loss (arXiv 2509.25638, eq. 2), tile by tile: memory O(B D).

    Equals `gcl_spec.loss.gcl_loss`, whose arguments these are, at a fraction of its time and
    memory. Works under jit, grad, value_and_grad and vmap. Where tiles are used (from 128 samples,
    or with `tile`) the loss has no forward mode: `jax.jvp` and `jax.jacfwd` of it are a TypeError.
    Second derivatives, either mode over `jax.grad`, are right, with the memory of every tile.

    Args:
        image: unit rows, (B, D).
        text: unit rows, (B, D).
        fused: unit rows of the fused embedding, (B, D); normalise(image + text) when not given.
        log_scale: ln(1 / temperature), a number, shape (), or one for each direction, (T,), or what
            else the objective's `scales` say.
        objective: which directions are contrasted with which pool.
        weights: of image and text in the fusion, numbers or (B,) each.
        present: (B,) booleans by modality name; rows that are not present take no part.
        ids: (B,) integers; samples with equal ids are not each other's negatives.
        captions: (B, F) unit features of the captions, for AlignCLIP's separation.
        bias: shifts logits, a number, shape (), or (M, M) by query and pool modality, as in
            `gcl_spec.loss.gcl_loss`.
        tile: samples of a tile; the measured best when not given.
        axis_name: inside `jax.shard_map`, the mesh axis over which the samples are spread: the loss
            is that of the whole batch, the same on every device, and the work is shared. Without
            it, under jit on sharded arrays, the loss is the same, but every device does all of it.

    Returns:
        0-d array, float32 for 16-bit rows, else of the rows' dtype.

    Raises:
        InputError: as `gcl_spec.loss.gcl_loss`.

    >>> image = text = jnp.eye(4)
    >>> value, grad = jax.jit(jax.value_and_grad(gcl_loss))(image, text, log_scale=0.0)
    >>> round(float(value), 5), grad.shape
    (1.66976, (4, 4))
    """
    return contrastive_loss(
        pair_rows(image, text, fused, objective),
        log_scale=log_scale,
        objective=objective,
        weights=pair_weights(weights, objective),
        present=present,
        ids=ids,
        captions=captions,
        bias=bias,
        tile=tile,
        axis_name=axis_name,
    )


def contrastive_loss(
    embeddings: Mapping[str, jax.Array],
    *,
    log_scale: jax.Array | float,
    objective: Objective,
    weights: Mapping[str, Weights] | None = None,
    present: Mapping[str, jax.Array] | None = None,
    ids: jax.Array | None = None,
    captions: jax.Array | None = None,
    bias: jax.Array | float | None = None,
    tile: int | None = None,
    axis_name: str | None = None,
) -> jax.Array:
    """The objective on any modalities, tile by tile; `gcl_loss` is its common case.

    Equals `gcl_spec.loss.contrastive_loss`, whose arguments these are.

    Args:
        embeddings: rows by modality name, (B, D) each, as `objective.modalities` wants them.
        log_scale: ln(1 / temperature), a number, shape (), or one for each direction, (T,), or what
            else the objective's `scales` say.
        objective: which directions are contrasted with which pool.
        weights: of the two parts of a fused modality by its name, numbers or (B,) each.
        present: (B,) booleans by modality name; rows that are not present take no part.
        ids: (B,) integers; samples with equal ids are not each other's negatives.
        captions: (B, F) unit features of the captions, for AlignCLIP's separation.
        bias: shifts logits, a number, shape (), or (M, M) by query and pool modality, as in
            `gcl_spec.loss.gcl_loss`.
        tile: samples of a tile, as in `gcl_loss`.
        axis_name: the mesh axis over which the samples are spread, as in `gcl_loss`.

    Returns:
        0-d array, float32 for 16-bit rows, else of the rows' dtype.

    Raises:
        InputError: as `gcl_spec.loss.gcl_loss`.

    >>> audio_text = Objective(modalities=("audio", "text"))
    >>> rows = {"audio": jnp.eye(4), "text": jnp.eye(4)}
    >>> round(float(contrastive_loss(rows, log_scale=0.0, objective=audio_text)), 5)
    1.16542
    """
    given = {"weights": weights, "present": present, "ids": ids, "captions": captions}
    rows, extras = gathered((dict(embeddings), given), axis_name)
    loss: jax.Array = neutral_loss(
        rows,
        log_scale=log_scale,
        objective=objective,
        xp=jnp,
        kernel=GramKernel(tile, axis_name),
        bias=bias,
        **extras,
    )
    whole: jax.Array = one_value(loss, axis_name)
    return whole


def loss_and_grads(
    z_MBD: jax.Array, log_scale: jax.Array, /, **arguments: Unpack[LossArguments]
) -> LossAndGrads:
    """The objective and its gradients, as `gcl_spec.backend.Backend.loss_and_grads` gives them.

    Args:
        z_MBD: (M, B, D), rows in the order of `objective.modalities`.
        log_scale: shape (), or as the objective's `scales` say.
        arguments: the objective, and what `gcl_spec.backend.LossArguments` says of the samples.
    """
    objective = arguments["objective"]
    arrays = arrays_of(arguments)
    xp, inputs = _readable({"z": z_MBD, "s": log_scale, **arrays})
    z, s = inputs.pop("z"), inputs.pop("s")
    seen: Any = {"objective": objective, **inputs}
    options = stacked_options(seen, xp=xp)
    check_stacked(z, s, objective=objective, **options)
    kernel = GramKernel(arguments.get("tile"))
    quantities: LossAndGrads = _compiled(
        z_MBD, log_scale, arrays, objective=objective, kernel=kernel
    )
    return quantities


def _readable(arrays: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """A namespace and arrays, of the same shapes, whose values are looked at in it."""
    if not all(_is_on_host(x) for x in arrays.values()):
        return jnp, arrays
    # Operation by operation, JAX would compile each check.
    return numpy_namespace, {name: _on_host(x) for name, x in arrays.items()}


def _on_host(x: jax.Array) -> np.ndarray[Any, Any]:
    """The values as a NumPy array of the same shape."""
    # NumPy has no bfloat16 of its own.
    return np.asarray(x, np.float32) if x.dtype == jnp.bfloat16 else np.asarray(x)


def _is_on_host(x: jax.Array) -> bool:
    """Whether the values of an array, of any shape, can be read without waiting for a device."""
    return not isinstance(x, jax.core.Tracer) and all(d.platform == "cpu" for d in x.devices())


@partial(jax.jit, static_argnames=("objective", "kernel"))
def _compiled(
    z_MBD: jax.Array,
    log_scale: jax.Array,
    arrays: dict[str, jax.Array],
    *,
    objective: Objective,
    kernel: GramKernel,
) -> LossAndGrads:
    """The loss and its gradients as one program.

    Args:
        z_MBD: the rows, (M, B, D).
        log_scale: shape (), or as the objective's `scales` say.
        arrays: the arrays of `gcl_spec.backend.LossArguments` that are given, by name.
        objective: the objective.
        kernel: the kernel.
    """

    def loss(z: jax.Array, s: jax.Array, numbers: dict[str, jax.Array]) -> jax.Array:
        arguments: Any = {"objective": objective, **arrays, **numbers}
        options = stacked_options(arguments, xp=jnp, kernel=kernel)
        value: jax.Array = stacked_loss(z, s, objective=objective, **options)
        return value

    by = {name: x for name, x in arrays.items() if name == "bias"}
    both = jax.value_and_grad(loss, argnums=(0, 1, 2))
    value, (grads, dlog_scale, by_numbers) = both(z_MBD, log_scale, by)
    return LossAndGrads(value, grads, dlog_scale, by_numbers.get("bias"))
