"""One contrastive batch spread over processes: gathered rows, shared work, exact gradients.

Every process computes the same loss from the rows of all, so it has the whole gradient of each row,
and keeps that of its own rows. Where gradients of parameters are averaged afterwards, as DDP does,
rows' gradients are multiplied by the number of processes before.
"""

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
"""The options that all processes of a group must give alike: names, and values in words."""


def in_words(x: Any) -> str:
    """A value in words, as all processes must give it; a tensor's samples are left out.

    Args:
        x: any value, or tensors of any shape.

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
    """The processes of a group of torch.distributed, as `gcl_spec.loss.kernel.Processes`.

    They may have different numbers of rows. Two objects of the same group are equal, so that a
    kernel that holds one can be compared and hashed.
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
        """The sum of the processes' tensors, of any shape, on each of them."""
        return self._reduced(x, dist.ReduceOp.SUM)

    def max(self, x: torch.Tensor, /) -> torch.Tensor:
        """The largest of the processes' values in each place of a tensor of any shape."""
        return self._reduced(x, dist.ReduceOp.MAX)

    def sizes(
        self, samples: int, device: torch.device, options: Options = (), problem: str = ""
    ) -> list[int]:
        """The number of samples of every process; on CUDA this waits for the device.

        Args:
            samples: the number of this process.
            device: the device of its rows, through which the numbers are exchanged.
            options: what all processes must give alike.
            problem: the error of this process's own input in words; empty where all is well.

        Raises:
            InputError: on all processes, where one has a problem or they give different `options`;
                without this the others would wait for ever, or compute something else.
        """
        digest = hashlib.blake2b(repr(options).encode(), digest_size=8).digest()
        number = int.from_bytes(digest, signed=True)
        own = torch.tensor([samples, number, len(problem)], device=device)
        every = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(every, own, group=self.group)
        answers = torch.stack(every).tolist()
        if any(length for _, _, length in answers):
            self._report(problem)
        if any(other != answers[0][1] for _, other, _ in answers):
            self._refuse(options)
        return [size for size, _, _ in answers]

    def _report(self, problem: str) -> None:
        """Raise the error of the first process that has one, on every process."""
        every: list[Any] = [None] * self.size
        dist.all_gather_object(every, problem, group=self.group)
        rank = next(rank for rank, text in enumerate(every) if text)
        raise InputError(f"on rank {rank}: {every[rank]}")

    def _refuse(self, options: Options) -> None:
        """Raise an error that names the first option that differs, on every process."""
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
        """The rows of all processes in the order of ranks, without a gradient.

        Args:
            x: this process's rows, (B, ...).
            sizes: the number of rows of every process.

        Returns:
            Shape (sum of sizes, ...).
        """
        padded = x.new_zeros(max(sizes), *x.shape[1:])
        padded[: x.shape[0]] = x
        every = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(every, padded, group=self.group)
        return torch.cat([y[:size] for y, size in zip(every, sizes, strict=True)])

    def _reduced(self, x: torch.Tensor, op: Any) -> torch.Tensor:
        """The tensor, of any shape, reduced over the processes by an operation."""
        y = x.detach().clone(memory_format=torch.contiguous_format)
        dist.all_reduce(y, op, group=self.group)
        return y


def gather_rows(
    x: torch.Tensor, group: ProcessGroup, sizes: Sequence[int], factor: float
) -> torch.Tensor:
    """The rows of all processes, differentiable by the own ones.

    All processes go on to compute the same number from the gathered rows, each with the whole
    gradient; a process's own rows get their part of it times `factor`, without communication.

    Args:
        x: this process's rows, (B, ...).
        group: the processes.
        sizes: the number of rows of every process.
        factor: the factor of the gradient by the own rows.

    Returns:
        Shape (sum of sizes, ...).
    """
    if not x.is_floating_point():
        return group.gather(x, sizes)
    gathered: torch.Tensor = _Gather.apply(x, group, sizes, factor)  # type: ignore[no-untyped-call]
    return gathered


def scale_gradient(x: torch.Tensor, factor: float) -> torch.Tensor:
    """The tensor itself, of any shape, whose gradient is multiplied by `factor`."""
    if factor == 1.0:
        return x
    scaled: torch.Tensor = _ScaleGradient.apply(x, factor)  # type: ignore[no-untyped-call]
    return scaled


class _Once(torch.autograd.Function):
    """The tensor itself, whose derivative by the tensor and by its causes is an error."""

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
    """A first derivative that cannot be differentiated again.

    Args:
        x: the derivative, of any shape.
        causes: the tensors, of any shape, that it depends on.

    Returns:
        The derivative, of the same shape.
    """
    guarded: torch.Tensor = _Once.apply(x, *causes)  # type: ignore[no-untyped-call]
    return guarded


class _Gather(torch.autograd.Function):
    """The rows of all processes; backward cuts out this process's gradients and scales them."""

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
    """The tensor itself; backward multiplies the gradient by a number."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, factor: float) -> torch.Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return gradients[0] * ctx.factor, None


def shared_scale(x: Any, processes: ProcessGroup, factor: float) -> Any:
    """A number, or a scale, bias or weight of any shape, whose gradient every process has whole.

    Each process gives its part of it: the factor divided by their number.
    """
    return scale_gradient(x, factor / processes.size) if isinstance(x, torch.Tensor) else x


def gradient_factor(processes: ProcessGroup, reduction: GradientReduction) -> float:
    """The factor of gradients by a process's rows with which those of parameters come out right."""
    return float(processes.size) if reduction == "mean" else 1.0


def gathered(
    given: Mapping[str, Any], processes: ProcessGroup, factor: float, options: Options
) -> dict[str, Any]:
    """Everything that has samples, of all processes, in the same containers.

    Args:
        given: the rows by modality, (B, D) each, as "rows", and other options, which may be None
            or have no samples.
        processes: the processes.
        factor: the factor of the gradient by the own rows.
        options: what all processes must give alike.
    """
    first = next(iter(given["rows"].values()))
    problem = _other_numbers(given, first.shape[0])
    sizes = processes.sizes(first.shape[0], first.device, options, problem)

    def gather(x: Any) -> Any:
        if isinstance(x, torch.Tensor):
            if x.ndim == 0:  # a weight of a part, which is no sample's
                return shared_scale(x, processes, factor)
            return gather_rows(x, processes, sizes, factor)
        if isinstance(x, Mapping):  # gathered in one order on all processes, returned in its own
            parts = {name: gather(x[name]) for name in sorted(x)}
            return {name: parts[name] for name in x}
        return tuple(gather(y) for y in x) if isinstance(x, tuple | list) else x

    return {name: gather(x) for name, x in given.items()}


def _other_numbers(x: Any, samples: int, name: str = "") -> str:
    """The name of what has another number of samples than the first rows; empty where none has."""
    if isinstance(x, torch.Tensor) and x.ndim > 0 and x.shape[0] != samples:
        return f"{name} has {x.shape[0]} samples, where the first rows are {samples}"
    parts: list[tuple[Any, Any]] = []
    if isinstance(x, Mapping):
        parts = [(f"{name}[{key!r}]" if name else key, part) for key, part in x.items()]
    elif isinstance(x, tuple | list):
        parts = [(name, part) for part in x]
    texts = (_other_numbers(part, samples, place) for place, part in parts)
    return next((text for text in texts if text), "")
