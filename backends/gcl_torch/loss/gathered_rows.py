"""One contrastive batch spread over processes: gathered rows, shared work, exact gradients."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import torch
import torch.distributed as dist

from gcl_spec.errors import InputError

__all__ = [
    "GradientReduction",
    "Options",
    "ProcessGroup",
    "gather_rows",
    "gathered",
    "gradient_factor",
    "in_words",
    "once",
    "scale_gradient",
    "shared_scale",
]

GradientReduction = Literal["mean", "sum"]

Options: TypeAlias = tuple[tuple[str, str], ...]
"""What all processes of a group must give alike: names, and values in words."""


def in_words(x: Any) -> str:
    """A value as all processes must give it: of a tensor what does not depend on its samples.

    >>> in_words({"text": torch.ones(4, 2), "image": None})
    "{'image': None, 'text': a torch.float32 tensor of shape (B, 2)}"
    """
    if isinstance(x, torch.Tensor):
        shape = ", ".join(["B", *map(str, x.shape[1:])]) if x.ndim else ""
        return f"a {x.dtype} tensor of shape ({shape})"
    if isinstance(x, Mapping):
        return "{" + ", ".join(f"{name!r}: {in_words(x[name])}" for name in sorted(x)) + "}"
    return f"({', '.join(map(in_words, x))})" if isinstance(x, tuple | list) else repr(x)


class ProcessGroup:
    """A `gcl_spec.loss.kernel.Processes` of torch.distributed; it gathers uneven rows.

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

    def sizes(
        self, samples: int, device: torch.device, options: Options = (), problem: str = ""
    ) -> list[int]:
        """The number of samples of every process. On CUDA it waits for the device: shapes follow.

        problem: what is wrong with this process's own input.

        Raises:
            InputError: on all processes, where one has a problem or they give different `options`;
                without this the others would wait for ever, or compute something else.
        """
        digest = hashlib.blake2b(repr(options).encode(), digest_size=8).digest()
        number = int.from_bytes(digest, signed=True)
        own = torch.tensor([samples, number, len(problem)], device=device)
        every = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(every, own, group=self.group)
        found = torch.stack(every).tolist()
        if any(length for _, _, length in found):
            self._report(problem)
        if any(other != found[0][1] for _, other, _ in found):
            self._refuse(options)
        return [size for size, _, _ in found]

    def _report(self, problem: str) -> None:
        every: list[Any] = [None] * self.size
        dist.all_gather_object(every, problem, group=self.group)
        rank = next(rank for rank, text in enumerate(every) if text)
        raise InputError(f"on rank {rank}: {every[rank]}")

    def _refuse(self, options: Options) -> None:
        every: list[Any] = [None] * self.size
        dist.all_gather_object(every, dict(options), group=self.group)
        first = every[0]
        differences = [
            f"{name} is {first.get(name)} on rank 0 and {given.get(name)} on rank {rank}"
            for rank, given in enumerate(every)
            for name in {**first, **given}
            if first.get(name) != given.get(name)
        ]
        raise InputError(
            f"the processes of a group must give the loss the same options: {differences[0]}"
        )

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


class _Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, *causes: torch.Tensor) -> torch.Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> None:
        raise InputError(
            "a loss over processes has no second derivative; one process with the whole batch and "
            "kernel=gcl_spec.loss.plain.plain_blocks has"
        )


def once(x: torch.Tensor, *causes: torch.Tensor) -> torch.Tensor:
    """A first derivative, which depends on `causes` but cannot be differentiated by them."""
    guarded: torch.Tensor = _Once.apply(x, *causes)  # type: ignore[no-untyped-call]
    return guarded


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
        own = gradients[0].detach()[ctx.start : ctx.stop] * ctx.factor
        # Other processes' shares of a second derivative would be lacking.
        return once(own, gradients[0]), None, None, None


class _ScaleGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, factor: float) -> torch.Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return gradients[0] * ctx.factor, None


def shared_scale(
    log_scale: torch.Tensor | float, processes: ProcessGroup, factor: float
) -> torch.Tensor | float:
    """A scale whose gradient every process has whole, of which each gives its part."""
    if isinstance(log_scale, torch.Tensor):
        return scale_gradient(log_scale, factor / processes.size)
    return log_scale


def gradient_factor(processes: ProcessGroup, reduction: GradientReduction) -> float:
    """Of the gradients by a process's rows, so that those of parameters come out right."""
    return float(processes.size) if reduction == "mean" else 1.0


def gathered(
    given: Mapping[str, Any], processes: ProcessGroup, factor: float, options: Options
) -> dict[str, Any]:
    """Everything that has samples, of all processes. What it is in is the same on each of them.

    given: the rows, with an item "rows", and other options, which may be None or have no samples.
    """
    first = next(iter(given["rows"].values()))
    problem = _other_numbers(given, first.shape[0])
    sizes = processes.sizes(first.shape[0], first.device, options, problem)

    def gather(x: Any) -> Any:
        if isinstance(x, torch.Tensor) and x.ndim > 0:
            return gather_rows(x, processes, sizes, factor)
        if isinstance(x, Mapping):  # in one order on all processes, and given back in its own
            found = {name: gather(x[name]) for name in sorted(x)}
            return {name: found[name] for name in x}
        return tuple(gather(y) for y in x) if isinstance(x, tuple | list) else x

    return {name: gather(x) for name, x in given.items()}


def _other_numbers(x: Any, samples: int, name: str = "") -> str:
    """What has another number of samples than the first rows; empty where all is well."""
    if isinstance(x, torch.Tensor) and x.ndim > 0 and x.shape[0] != samples:
        return f"{name} has {x.shape[0]} samples, where the first rows are {samples}"
    parts: list[tuple[Any, Any]] = []
    if isinstance(x, Mapping):
        parts = [(f"{name}[{key!r}]" if name else key, part) for key, part in x.items()]
    elif isinstance(x, tuple | list):
        parts = [(name, part) for part in x]
    found = (_other_numbers(part, samples, place) for place, part in parts)
    return next((text for text in found if text), "")
