"""One contrastive batch spread over processes: gathered rows, shared work, exact gradients."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
import torch.distributed as dist

from gcl_spec.errors import InputError

__all__ = ["GradientReduction", "ProcessGroup", "gather_rows", "scale_gradient"]

GradientReduction = Literal["mean", "sum"]


class ProcessGroup:
    """A `gcl_spec.tiles.Processes` of torch.distributed, and its gathering of uneven rows.

    Two of the same group are equal, so that a kernel that holds one can be compared and hashed.
    """

    def __init__(self, group: dist.ProcessGroup) -> None:
        self.group = group
        self.rank, self.size = dist.get_rank(group), dist.get_world_size(group)
        if self.rank < 0:
            raise InputError("this process is not in the process group that the loss was given")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProcessGroup) and other.group is self.group

    def __hash__(self) -> int:
        return hash(id(self.group))

    def sum(self, x: torch.Tensor, /) -> torch.Tensor:
        """See `Processes`."""
        return self._reduced(x, dist.ReduceOp.SUM)

    def max(self, x: torch.Tensor, /) -> torch.Tensor:
        """See `Processes`."""
        return self._reduced(x, dist.ReduceOp.MAX)

    def sizes(self, samples: int, device: torch.device) -> list[int]:
        """The number of samples of every process."""
        own = torch.tensor([samples], device=device)
        every = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(every, own, group=self.group)
        return [int(x) for x in every]

    def gather(self, x: torch.Tensor, sizes: Sequence[int]) -> torch.Tensor:
        """The rows of all processes in the order of ranks, without a gradient."""
        padded = x.new_zeros(max(sizes), *x.shape[1:])
        padded[: x.shape[0]] = x
        every = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(every, padded, group=self.group)
        return torch.cat([y[:size] for y, size in zip(every, sizes, strict=True)])

    def _reduced(self, x: torch.Tensor, op: Any) -> torch.Tensor:
        y = x.detach().clone(memory_format=torch.contiguous_format)
        dist.all_reduce(y, op, group=self.group)
        return y


def gather_rows(
    x: torch.Tensor, group: ProcessGroup, sizes: Sequence[int], factor: float
) -> torch.Tensor:
    """Rows of all processes, (sum of sizes, ...), differentiable by the own ones.

    All processes go on to compute the same number from the gathered rows, each with the whole
    gradient; a process's own rows get their part of it times `factor`, without communication.
    """
    if not x.is_floating_point():
        return group.gather(x, sizes)
    gathered: torch.Tensor = _Gather.apply(x, group, sizes, factor)  # type: ignore[no-untyped-call]
    return gathered


def scale_gradient(x: torch.Tensor, factor: float) -> torch.Tensor:
    """`x`, whose gradient is multiplied by `factor`."""
    if factor == 1.0:
        return x
    scaled: torch.Tensor = _ScaleGradient.apply(x, factor)  # type: ignore[no-untyped-call]
    return scaled


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, group: ProcessGroup, sizes: Sequence[int], factor: float
    ) -> torch.Tensor:
        ctx.factor = factor
        ctx.start = sum(sizes[: group.rank])
        ctx.stop = ctx.start + sizes[group.rank]
        return group.gather(x, sizes)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return gradients[0][ctx.start : ctx.stop] * ctx.factor, None, None, None


class _ScaleGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, factor: float) -> torch.Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return gradients[0] * ctx.factor, None
