"""The two passes over tiles as functions of PyTorch's autograd: sums, then gradients."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import torch
from array_api_compat import torch as xp

from gcl_spec.errors import InputError
from gcl_spec.loss.problem import Blocks, Problem, without_arrays
from gcl_spec.loss.tiled.loop import Tiles
from gcl_spec.loss.tiled.row_sums import arrays_of, blocks_of, sums_of, weights_of

__all__ = ["NO_FORWARD_MODE", "NO_SECOND_DERIVATIVE", "Pass", "TiledSums"]

_PARTS = 6
"""Arrays of `arrays_of`."""

MakeTiles: TypeAlias = Callable[[Problem, torch.Tensor], Tiles]

NO_SECOND_DERIVATIVE = (
    "this loss has no second derivative; gcl_spec.loss.gcl_loss(..., "
    "kernel=gcl_spec.loss.plain.plain_blocks) has every one, at the memory of autograd"
)
NO_FORWARD_MODE = (
    "this loss has no forward mode (jvp, jacfwd, hessian); gcl_spec.loss.gcl_loss(..., "
    "kernel=gcl_spec.loss.plain.plain_blocks) has it, at the memory of autograd"
)


class Pass:
    """What forward hands to backward besides tensors: static options and, once, its tiles."""

    def __init__(self, problem: Problem, make_tiles: MakeTiles) -> None:
        self.static, self.make_tiles = without_arrays(problem), make_tiles
        self.tiles: Tiles | None = None

    def problem(
        self,
        mix: torch.Tensor | None,
        damp: torch.Tensor | None,
        present: torch.Tensor | None,
        ids: torch.Tensor | None,
        *rows: torch.Tensor,
    ) -> Problem:
        """The problem with its arrays again."""
        return replace(self.static, rows=rows, mix=mix, damp=damp, present=present, ids=ids)

    def again(self) -> "Pass":
        """Of the same problem with other numbers."""
        return Pass(self.static, self.make_tiles)


class TiledSums(torch.autograd.Function):
    """Log-sums of all rows, others, own and mean, and the `arrays_of` what they are made of."""

    @staticmethod
    def forward(options: Pass, scale: torch.Tensor, *arrays: Any) -> tuple[torch.Tensor, ...]:
        """The first pass; `arrays` are those of `Pass.problem`."""
        with torch.no_grad(), torch.autocast(scale.device.type, enabled=False):
            options.tiles = options.make_tiles(options.problem(*arrays), scale)
            sums = options.tiles.sums()
            return (*blocks_of(sums, xp)[:3], *arrays_of(sums))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, ...]) -> None:
        """Everything but the options is needed again."""
        options, *tensors = inputs
        ctx.options = options
        ctx.mark_non_differentiable(*output[3:])
        ctx.save_for_backward(*tensors, *output[3:])

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[Any, ...]:
        """The second pass."""
        wanted = tuple(ctx.needs_input_grad[1:])
        found = _Gradients.apply(ctx.options, wanted, *gradients[:3], *ctx.saved_tensors)  # type: ignore[no-untyped-call]
        return (None, *_in_place(found, wanted))

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> None:
        """An error."""
        raise InputError(NO_FORWARD_MODE)

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], options: Pass, *given: torch.Tensor | None
    ) -> tuple[tuple[torch.Tensor, ...], tuple[int, ...]]:
        """One loss after the other."""
        return _one_by_one(TiledSums, info, in_dims, [options], given)


class _Gradients(torch.autograd.Function):
    """The second pass: the wanted gradients of `TiledSums`, in the order of what it was given."""

    @staticmethod
    def forward(options: Pass, wanted: tuple[bool, ...], *given: Any) -> tuple[torch.Tensor, ...]:
        gradients, (scale, *arrays), parts = given[:3], given[3:-_PARTS], given[-_PARTS:]
        with torch.no_grad(), torch.autocast(scale.device.type, enabled=False):
            tiles = options.tiles
            if tiles is None:  # a second backward through a retained graph
                tiles = options.make_tiles(options.problem(*arrays), scale)
            options.tiles = None
            tiles.by_damp = wanted[2]
            one, dtype = not tiles.layout.positives, tiles.problem.rows[0].dtype
            found = tiles.gradients(weights_of(Blocks(*gradients), sums_of(parts), one, dtype, xp))
            by_scale = (found.log_scale / scale).to(scale.dtype)
            every = (by_scale, found.mix, found.damp, None, None, *found.rows)
            return tuple(x for x, want in zip(every, wanted, strict=True) if want)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, ...]) -> None:
        """Nothing is kept."""

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> None:
        raise InputError(NO_SECOND_DERIVATIVE)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> None:
        raise InputError(NO_SECOND_DERIVATIVE)

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[Any, ...],
        options: Pass,
        wanted: tuple[bool, ...],
        *given: torch.Tensor,
    ) -> tuple[tuple[torch.Tensor, ...], tuple[int, ...]]:
        return _one_by_one(_Gradients, info, in_dims, [options, wanted], given)


def _in_place(
    found: Sequence[torch.Tensor], wanted: Sequence[bool]
) -> tuple[torch.Tensor | None, ...]:
    """What was found, and None in the place of what was not wanted."""
    left = iter(found)
    return tuple(next(left) if want else None for want in wanted)


def _one_by_one(
    function: Any, info: Any, in_dims: Sequence[Any], options: Sequence[Any], given: Sequence[Any]
) -> tuple[tuple[torch.Tensor, ...], tuple[int, ...]]:
    """A function of every element of a mapped axis: passes over tiles are not batched."""
    pass_, *rest = options
    found = []
    for i in range(info.batch_size):
        one = [
            x if x is None or axis is None else x.movedim(axis, 0)[i]
            for x, axis in zip(given, in_dims[len(options) :], strict=True)
        ]
        found.append(function.apply(pass_.again(), *rest, *one))
    stacked = tuple(torch.stack(list(x)) for x in zip(*found, strict=True))
    return stacked, (0,) * len(stacked)
