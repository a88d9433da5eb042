"""The loss spread over processes of this machine, for `gcl verify-backends --processes`."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, Unpack

import torch
import torch.distributed as dist
from array_api_compat import torch as torch_namespace

from gcl_spec.backend import Backend, LossAndGrads, LossArguments
from gcl_spec.conformance.workers import Workers
from gcl_spec.loss.call import OF_SAMPLES, arrays_of
from gcl_spec.loss.stacked import spread_call
from gcl_torch.arrays import TorchArrays
from gcl_torch.loss.functions import contrastive_loss

__all__ = ["TorchProcesses"]

_SECONDS = 120
"""The longest time that one exchange between the processes may take."""


class _Question(NamedTuple):
    """One call of the loss that the processes answer together; its tensors are on the CPU."""

    z: torch.Tensor
    """The rows, (M, B, D)."""
    log_scale: torch.Tensor
    """ln(1 / temperature), shape (), or as the objective's `scales` say."""
    arguments: LossArguments


class TorchProcesses(TorchArrays):
    """PyTorch on `size` processes over gloo, each with its own share of the samples.

    The shares are uneven, and some are empty in a small batch. Gradients are reduced by their mean,
    as DDP does it.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._workers = Workers(_join, size)

    def __enter__(self) -> Backend:
        return self

    def __exit__(self, *raised: object) -> None:
        self._workers.close()

    def devices(self) -> Sequence[str]:
        """The CPU."""
        return ("cpu",)

    def loss_and_grads(
        self, z_MBD: torch.Tensor, log_scale: torch.Tensor, /, **arguments: Unpack[LossArguments]
    ) -> LossAndGrads:
        """The objective and its gradients, spread over the processes (`Backend.loss_and_grads`).

        Raises:
            RuntimeError: the processes found different losses.
        """
        answers = self._workers.ask(_Question(z_MBD, log_scale, arguments))
        losses = [loss.item() for loss, *_ in answers]
        if len(set(losses)) > 1:
            raise RuntimeError(f"the processes found the losses {losses}; they must be the same")
        of_rows = torch.cat([grads for _, grads, *_ in answers], dim=1) / self.size
        # The gradients by what all processes have: log_scale, and the bias where there is one.
        every = zip(*(by_numbers for _, _, *by_numbers in answers), strict=True)
        return LossAndGrads(answers[0][0], of_rows, *(torch.stack(x).mean(dim=0) for x in every))


def share_of(samples: int, rank: int, size: int) -> slice:
    """The share of a process in a batch; shares are uneven, and later processes have more samples.

    >>> [share_of(8, rank, 3) for rank in range(3)]
    [slice(0, 1, None), slice(1, 4, None), slice(4, 8, None)]
    """
    bounds = [samples * r * (r + 1) // (size * (size + 1)) for r in (rank, rank + 1)]
    return slice(*bounds)


def _join(rank: int, size: int, folder: str) -> Callable[[_Question], Any]:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=(Path(folder) / "store").as_uri(),
        rank=rank,
        world_size=size,
        timeout=timedelta(seconds=_SECONDS),
    )
    return _answer


def _answer(x: _Question) -> tuple[torch.Tensor, ...]:
    """The loss, and the gradients by the own rows, log_scale and a bias, before DDP's mean."""
    own = share_of(x.z.shape[1], dist.get_rank(), dist.get_world_size())
    arguments: Any = dict(x.arguments)
    for name in OF_SAMPLES & arrays_of(x.arguments).keys():
        arguments[name] = arguments[name][..., own].contiguous()
    z = x.z[:, own].contiguous().requires_grad_()
    leaves = [z, x.log_scale.clone().requires_grad_()]
    if arguments.get("bias") is not None:
        arguments["bias"] = arguments["bias"].clone().requires_grad_()
        leaves.append(arguments["bias"])
    rows, named = spread_call(z, arguments, xp=torch_namespace)
    loss = contrastive_loss(rows, log_scale=leaves[1], group=dist.group.WORLD, **named)
    return loss.detach(), *torch.autograd.grad(loss, leaves, materialize_grads=True)
