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
from gcl_spec.loss.equation import contrastive_loss as neutral_loss
from gcl_spec.loss.equation import pair_rows
from gcl_spec.loss.inputs import Weights
from gcl_spec.loss.stacked import StackedOptions, check_stacked, stacked_loss
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
    >>> value, grad = jax.value_and_grad(gcl_loss)(image, text, log_scale=0.0)
    >>> round(float(value), 5), grad.shape
    (1.66976, (4, 4))
    """
    return contrastive_loss(
        pair_rows(image, text, fused, objective),
        log_scale=log_scale,
        objective=objective,
        weights=None if weights is None else {"image+text": weights},
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
    further = tuple(arguments.get(name) for name in ("present", "ids", "weights", "bias"))
    inputs: tuple[Any, ...] = (z_MBD, log_scale, *further)
    xp: Any = jnp
    if all(x is None or _is_on_host(x) for x in inputs):
        # Operation by operation, JAX would compile each check.
        xp, inputs = numpy_namespace, tuple(None if x is None else _on_host(x) for x in inputs)
    z, s, flags, numbers, factors, shifts = inputs
    options = StackedOptions(present_MB=flags, ids_B=numbers, weights=factors, bias=shifts, xp=xp)
    check_stacked(z, s, objective=objective, **options)
    kernel = GramKernel(arguments.get("tile"))
    found: LossAndGrads = _compiled(z_MBD, log_scale, *further, objective=objective, kernel=kernel)
    return found


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
    present: jax.Array | None,
    ids: jax.Array | None,
    weights: jax.Array | None,
    bias: jax.Array | None,
    *,
    objective: Objective,
    kernel: GramKernel,
) -> LossAndGrads:
    """The loss and its gradients, in the shapes of `z_MBD`, `log_scale`, `bias`, as one program."""

    def loss(z: jax.Array, s: jax.Array, b: jax.Array | None) -> jax.Array:
        value: jax.Array = stacked_loss(
            z,
            s,
            objective=objective,
            present_MB=present,
            ids_B=ids,
            weights=weights,
            bias=b,
            xp=jnp,
            kernel=kernel,
        )
        return value

    at = (0, 1) if bias is None else (0, 1, 2)
    value, found = jax.value_and_grad(loss, argnums=at)(z_MBD, log_scale, bias)
    return LossAndGrads(value, *found)
