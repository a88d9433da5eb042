"""Spreads weights over processes by FSDP2: each holds its part of weights, gradients and moments.

Every function also takes tensors that are not spread, so that the trainer need not ask.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.tensor import DTensor, distribute_tensor

from gcl_spec.config.options import Config
from gcl_spec.errors import ConfigError
from gcl_spec.models.start import IN_THE_LOSS

__all__ = ["assign", "clip", "in_place_of", "like", "shard", "sum_apart", "total_norm", "whole"]


def shard(model: nn.Module, config: Config, device: torch.device) -> None:
    """Spread a model's weights over all processes, layer by layer.

    A layer's weights are gathered for its forward and its backward pass and given back after each.
    0-d parameters, and those of the loss, stay whole on all processes (`sum_apart`).

    Raises:
        ConfigError: an option does not go with it.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    size = dist.get_world_size()
    if config.train.batch_size % size:
        raise ConfigError(
            f"train.shard: train.batch_size = {config.train.batch_size} is no multiple of the "
            f"{size} processes, which gather weights in step with each other"
        )
    if config.train.compile:
        raise ConfigError("train.shard and train.compile cannot go together")
    if config.model.caches_towers:
        raise ConfigError("train.shard is for towers that are trained: set model.freeze = none")
    mesh = init_device_mesh(device.type, (size,))
    kept = {p for n, p in model.named_parameters() if p.ndim == 0 or n in IN_THE_LOSS}
    for module in list(model.modules()):
        for layer in module if isinstance(module, nn.ModuleList) else ():
            fully_shard(layer, mesh=mesh, reshard_after_forward=True)
    fully_shard(model, mesh=mesh, reshard_after_forward=True, ignored_params=kept)


def whole(x: torch.Tensor) -> torch.Tensor:
    """The whole of a tensor of any shape, from all processes."""
    return x.full_tensor() if isinstance(x, DTensor) else x


def like(x: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """A value on the device of a tensor, and spread as that is.

    Args:
        x: any shape.
        value: the shape of `x`; it is the same on all processes.

    Returns:
        The shape of `x`.
    """
    value = value.to(x.device)
    if not isinstance(x, DTensor):
        return value
    return distribute_tensor(value, x.device_mesh, x.placements, src_data_rank=None)


def assign(x: torch.Tensor, value: torch.Tensor) -> None:
    """Set a tensor to a value.

    Args:
        x: any shape.
        value: the shape of `x`; it is the same on all processes.
    """
    x.copy_(like(x, value))


def sum_apart(parameters: Iterable[nn.Parameter]) -> None:
    """Average over processes those gradients that FSDP leaves to each, as it does the others."""
    for parameter in parameters:
        if not isinstance(parameter, DTensor) and parameter.grad is not None:
            dist.all_reduce(parameter.grad)
            parameter.grad /= dist.get_world_size()


def total_norm(grads: Iterable[torch.Tensor]) -> torch.Tensor:
    """The Euclidean norm of all gradients, shape (), the same on all processes.

    Args:
        grads: any shapes.

    Returns:
        Shape ().
    """
    norms = [whole(torch.nn.utils.get_total_norm(part)) for part in _kinds(grads) if part]
    return norms[0] if len(norms) == 1 else torch.linalg.vector_norm(torch.stack(norms))


def clip(parameters: Iterable[nn.Parameter], max_norm: float, norm: torch.Tensor) -> None:
    """Scale the gradients, whose norm is `norm`, shape (), to a norm of at most `max_norm`."""
    for part in _kinds(parameters):
        torch.nn.utils.clip_grads_with_norm_(part, max_norm, norm)


@contextmanager
def in_place_of(
    parameters: Mapping[str, nn.Parameter], values: Mapping[str, torch.Tensor]
) -> Iterator[None]:
    """Put values, of the same shapes, in place of the parameters of their names, within a block."""
    held = {name: parameters[name].detach().clone() for name in values}
    for name, value in values.items():
        parameters[name].copy_(value)
    try:
        yield
    finally:
        for name, value in held.items():
            parameters[name].copy_(value)


def _kinds(tensors: Iterable[torch.Tensor]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    spread: list[torch.Tensor] = []
    own: list[torch.Tensor] = []
    for x in tensors:
        (spread if isinstance(x, DTensor) else own).append(x)
    return spread, own
