"""A model by the running means of its weights."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from gcl_torch.models.lora import plain_name
from gcl_torch.train import shard as sharding

__all__ = ["averaged"]


def averaged(
    model: torch.nn.Module,
    trained: Mapping[str, torch.nn.Parameter],
    averages: Mapping[str, torch.Tensor],
    *,
    sharded: bool,
) -> Callable[[Mapping[str, torch.Tensor]], Any]:
    """The model as a function of inputs, any shapes, that computes with running means.

    Args:
        model: the model.
        trained: its trained parameters by plain name.
        averages: their running means by name, of any shape; where empty it is the model itself.
        sharded: whether parameters are spread over processes.
    """
    if not averages:
        return model
    names = {plain_name(name): name for name, _ in model.named_parameters()}
    in_place = {names[name]: x for name, x in averages.items()}

    def call(inputs: Mapping[str, torch.Tensor]) -> Any:
        if sharded:  # each layer gathers its own weights
            with sharding.in_place_of(trained, averages):
                return model(inputs)
        return torch.func.functional_call(model, in_place, (inputs,))

    return call
