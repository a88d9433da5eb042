"""The loss for PyTorch: the neutral equation with the tiled kernel."""

from collections.abc import Mapping
from typing import Any, Literal, Unpack

import torch
import torch.distributed as dist
from array_api_compat import torch as torch_namespace

from gcl_spec.backend import LossAndGrads, LossArguments
from gcl_spec.errors import InputTypeError
from gcl_spec.loss.equation import contrastive_loss as neutral_loss
from gcl_spec.loss.equation import pair_rows, pair_weights
from gcl_spec.loss.inputs import Weights
from gcl_spec.loss.stacked import stacked_loss, stacked_options
from gcl_spec.objective import GCL, Objective
from gcl_torch.loss.choose_kernel import KernelOptions, spread
from gcl_torch.loss.gathered_rows import GradientReduction
from gcl_torch.loss.kernel import CACHE_BYTES, GramKernel, Operands

__all__ = ["contrastive_loss", "gcl_loss", "loss_and_grads"]


def gcl_loss(
    image: torch.Tensor,
    text: torch.Tensor,
    fused: torch.Tensor | None = None,
    *,
    log_scale: torch.Tensor | float,
    objective: Objective = GCL,
    weights: Weights | None = None,
    present: Mapping[str, torch.Tensor] | None = None,
    ids: torch.Tensor | None = None,
    captions: torch.Tensor | None = None,
    bias: torch.Tensor | float | None = None,
    tile: int | None = None,
    cache_bytes: int = CACHE_BYTES,
    group: dist.ProcessGroup | Literal["world"] | None = None,
    reduction: GradientReduction = "mean",
    operands: Operands | None = None,
    ring: bool = False,
) -> torch.Tensor:
    """Generalized contrastive loss (arXiv 2509.25638, eq. 2), tile by tile: memory O(B D).

    Equals `gcl_spec.loss.gcl_loss`, whose arguments these are, at a fraction of its time and
    memory. Works under autocast (computes in float32 all the same, gradients too, also where
    `backward` is called inside), DDP, torch.func and torch.compile (as one graph break). Batches of
    any size have first derivatives only: a second one, and forward mode, are an error that names
    the way out.

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
        cache_bytes: memory for products of tiles that backward then need not compute again. All
            of them take about 8 B^2 bytes in float32 (134 MB for 4096 pairs).
        group: the processes over which the batch is spread, each with its own samples (their
            numbers may differ); "world" for all. The loss is that of the whole batch, the same on
            every process, and the work is shared. All processes must give the same options; where
            they do not, each raises an error that names the first. Their numbers of samples are
            exchanged, for which CUDA devices are waited for. All must call `backward`, and none
            has a second derivative.
        reduction: how gradients of parameters are reduced over these processes afterwards: "mean"
            (DDP and FSDP) or "sum". With it they equal those of one process with the whole batch.
        operands: "bfloat16" rounds the factors of products, never the logits, to 16 bits: faster on
            GPUs. Gradients are within 0.5 percent of their norm, those of pairs that 16 bits cannot
            tell apart, too: a sample's own logits are computed apart, in float64, except where ids
            make samples each other's positives.
        ring: with `group`, let blocks of rows travel instead of gathering them: a process holds the
            rows of three processes at a time, not those of all: its own, those that it computes
            with, and those that come meanwhile. `cache_bytes` is not used.

    Returns:
        0-d tensor, float32 for 16-bit rows, else of the rows' dtype.

    Raises:
        InputError: as `gcl_spec.loss.gcl_loss`; options that differ between processes; `operands`
            with `ring`.

    >>> image = torch.eye(4, requires_grad=True)
    >>> loss = gcl_loss(image, torch.eye(4), log_scale=0.0)
    >>> round(loss.item(), 5)
    1.66976
    >>> loss.backward()
    >>> image.grad.shape
    torch.Size([4, 4])
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
        cache_bytes=cache_bytes,
        group=group,
        reduction=reduction,
        operands=operands,
        ring=ring,
    )


def contrastive_loss(
    embeddings: Mapping[str, torch.Tensor],
    *,
    log_scale: torch.Tensor | float,
    objective: Objective,
    weights: Mapping[str, Weights] | None = None,
    present: Mapping[str, torch.Tensor] | None = None,
    ids: torch.Tensor | None = None,
    captions: torch.Tensor | None = None,
    bias: torch.Tensor | float | None = None,
    **options: Unpack[KernelOptions],
) -> torch.Tensor:
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
        options: `tile`, `cache_bytes`, `group`, `reduction`, `operands` and `ring` of `gcl_loss`.

    Returns:
        0-d tensor, float32 for 16-bit rows, else of the rows' dtype.

    Raises:
        InputError: as `gcl_loss`.

    >>> audio_text = Objective(modalities=("audio", "text"))
    >>> rows = {"audio": torch.eye(4), "text": torch.eye(4)}
    >>> round(contrastive_loss(rows, log_scale=0.0, objective=audio_text).item(), 5)
    1.16542
    """
    first = next(iter(embeddings.values()))
    if not isinstance(first, torch.Tensor):
        raise InputTypeError(
            f"the embeddings are of type {type(first).__name__}; wanted tensors "
            "(gcl_spec.loss takes arrays of every framework)"
        )
    extras: dict[str, Any] = {"weights": weights, "present": present, "ids": ids}
    extras |= {"captions": captions, "bias": bias}
    # Autocast would round the logits to 16 bits, which costs half the gradient once trained.
    with torch.autocast(first.device.type, enabled=False):
        rows, scale, every, kernel = spread(embeddings, log_scale, objective, extras, **options)
        loss: torch.Tensor = neutral_loss(
            rows,
            log_scale=scale,
            objective=objective,
            xp=torch_namespace,
            kernel=kernel,
            **every,
        )
    return loss


def loss_and_grads(
    z_MBD: torch.Tensor, log_scale: torch.Tensor, /, **arguments: Unpack[LossArguments]
) -> LossAndGrads:
    """The objective and its gradients, as `gcl_spec.backend.Backend.loss_and_grads` gives them.

    The inputs are leaves here: hand `grads` to `z_MBD.backward` to go on into the towers.

    Args:
        z_MBD: (M, B, D), rows in the order of `objective.modalities`.
        log_scale: shape (), or as the objective's `scales` say.
        arguments: the objective, and what `gcl_spec.backend.LossArguments` says of the samples.
    """
    bias = arguments.get("bias")
    with torch.enable_grad(), torch.autocast(z_MBD.device.type, enabled=False):
        given = (z_MBD, log_scale) if bias is None else (z_MBD, log_scale, bias)
        z, scale, *shift = leaves = [x.detach().requires_grad_() for x in given]
        options = stacked_options(
            arguments, xp=torch_namespace, kernel=GramKernel(arguments.get("tile"))
        )
        if shift:
            options["bias"] = shift[0]
        loss = stacked_loss(z, scale, objective=arguments["objective"], **options)
        gradients = torch.autograd.grad(loss, leaves, materialize_grads=True)
    return LossAndGrads(loss.detach(), *gradients)
