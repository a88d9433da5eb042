"""The loss for PyTorch as a module that holds its temperature."""

from collections.abc import Mapping
from math import inf, log
from typing import Literal

import torch
import torch.distributed as dist
from torch import nn

from gcl_spec.errors import InputError
from gcl_spec.loss.inputs import Weights, check_objective
from gcl_spec.objective import GCL, Objective
from gcl_torch.loss.functions import gcl_loss
from gcl_torch.loss.gathered_rows import GradientReduction
from gcl_torch.loss.kernel import CACHE_BYTES, Operands

__all__ = ["GCLLoss"]


class GCLLoss(nn.Module):
    """The loss `gcl_torch.gcl_loss` with its temperature, as a module.

    Args:
        objective: which directions are contrasted with which pool.
        scale: 1 / temperature at the start; CLIP's 1 / 0.07 when not given.
        learn_scale: whether `log_scale` is a trained parameter, or a buffer.
        max_scale: the scale is kept at or below this (CLIP's 100), as it is before every forward.
        per_direction: learn one temperature for each of the objective's directions, or of what its
            `scales` say.
        bias: shifts logits, a number or a tensor of shape () or (M, M) by query and pool modality,
            as in `gcl_loss`; None: nothing does.
        learn_bias: whether `bias` is a trained parameter, or a buffer.
        tile: the samples of a tile, as in `gcl_loss`.
        cache_bytes: the memory for products of tiles, as in `gcl_loss`.
        group: the processes over which the batch is spread, as in `gcl_loss`.
        reduction: the way in which gradients are reduced over them, as in `gcl_loss`.
        operands: the format that factors of products are rounded to, as in `gcl_loss`.
        ring: whether blocks of rows travel, as in `gcl_loss`.

    >>> criterion = GCLLoss()
    >>> criterion(torch.eye(4), torch.eye(4)).backward()
    >>> criterion.log_scale.grad.shape
    torch.Size([])
    """

    log_scale: torch.Tensor
    bias: torch.Tensor | None

    def __init__(
        self,
        objective: Objective = GCL,
        *,
        scale: float = 1 / 0.07,
        learn_scale: bool = True,
        max_scale: float = 100.0,
        per_direction: bool = False,
        bias: torch.Tensor | float | None = None,
        learn_bias: bool = True,
        tile: int | None = None,
        cache_bytes: int = CACHE_BYTES,
        group: dist.ProcessGroup | Literal["world"] | None = None,
        reduction: GradientReduction = "mean",
        operands: Operands | None = None,
        ring: bool = False,
    ) -> None:
        super().__init__()
        check_objective(objective)
        if not (0 < scale < inf and 0 < max_scale < inf):
            raise InputError(f"scale = {scale}, max_scale = {max_scale}: must be positive numbers")
        self.objective, self.max_scale = objective, max_scale
        self.tile, self.cache_bytes = tile, cache_bytes
        self.group, self.reduction = group, reduction
        self.operands, self.ring = operands, ring
        shape = objective.scale_shape if per_direction else ()
        self._hold("log_scale", torch.full(shape, log(scale)), learn_scale)
        self._hold("bias", None if bias is None else torch.as_tensor(bias).float(), learn_bias)

    def _hold(self, name: str, value: torch.Tensor | None, learn: bool) -> None:
        """Register a value of any shape, or None, as a parameter or as a buffer."""
        if learn and value is not None:
            self.register_parameter(name, nn.Parameter(value.clone()))
        else:
            self.register_buffer(name, value)

    def forward(
        self,
        image: torch.Tensor,
        text: torch.Tensor,
        fused: torch.Tensor | None = None,
        *,
        weights: Weights | None = None,
        present: Mapping[str, torch.Tensor] | None = None,
        ids: torch.Tensor | None = None,
        captions: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The loss of a batch, shape ().

        Args:
            image: unit rows, (B, D).
            text: unit rows, (B, D).
            fused: unit rows, (B, D), or None.
            weights: of image and text in the fusion, numbers or (B,) each.
            present: (B,) booleans by modality name.
            ids: (B,) integers.
            captions: (B, F) unit features of the captions.
        """
        # Not in place for autograd: a term of the caller's own may have saved the parameter.
        self.log_scale.data.clamp_(max=log(self.max_scale))
        return gcl_loss(
            image,
            text,
            fused,
            log_scale=self.log_scale,
            objective=self.objective,
            weights=weights,
            present=present,
            ids=ids,
            captions=captions,
            bias=self.bias,
            tile=self.tile,
            cache_bytes=self.cache_bytes,
            group=self.group,
            reduction=self.reduction,
            operands=self.operands,
            ring=self.ring,
        )
