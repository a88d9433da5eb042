"""The two passes over tiles as functions of PyTorch's autograd: sums, then gradients.

`gcl_spec.loss.tiled.tile_softmax` has the equations of both. The gradients are a function of their
own, so that a second derivative and forward mode are errors that name the way out.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import torch
from array_api_compat import torch as xp

from gcl_spec.errors import InputError
from gcl_spec.loss.problem import Blocks, Problem, without_arrays
from gcl_spec.loss.tiled.loop import Tiles
from gcl_spec.loss.tiled.row_sums import arrays_of, blocks_of, sums_of, tile_weights

__all__ = ["NO_FORWARD_MODE", "NO_SECOND_DERIVATIVE", "Pass", "TiledSums"]

_SUMS = 6
"""The number of arrays that `gcl_spec.loss.tiled.row_sums.arrays_of` gives."""

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
    """What forward hands to backward besides tensors.

    It holds the part of a problem that is no tensor, the function that makes tiles of a problem,
    and, from the first pass to the second, the tiles themselves, whose products may be kept.
    """

    def __init__(self, problem: Problem, make_tiles: MakeTiles) -> None:
        self.make_tiles = make_tiles
        self.static = without_arrays(problem)
        if not isinstance(problem.lift, torch.Tensor):
            self.static = replace(self.static, lift=problem.lift)
        self.tiles: Tiles | None = None

    def problem(
        self,
        mix: torch.Tensor | None,
        damp: torch.Tensor | None,
        present: torch.Tensor | None,
        ids: torch.Tensor | None,
        lift: torch.Tensor | None,
        shift: torch.Tensor | None,
        *rows: torch.Tensor,
    ) -> Problem:
        """The problem with its tensors again.

        Args:
            mix: the factors of mixed rows, (F, 1, B) or (F, 2, B), or None.
            damp: the captions' features, (B, F), or None.
            present: (M, B) booleans, or None.
            ids: (B,) integers, or None.
            lift: shape (), or None where it is a number.
            shift: the shift of a sigmoid's logits, shape () or (S,), or None.
            rows: the given rows of each kind, (B, D).
        """
        lift_ = self.static.lift if lift is None else lift
        arrays = {"mix": mix, "damp": damp, "present": present, "ids": ids, "shift": shift}
        return replace(self.static, rows=rows, lift=lift_, **arrays)  # type: ignore[arg-type]

    def again(self) -> "Pass":
        """A pass over the same problem with other numbers."""
        return Pass(self.static, self.make_tiles)


class TiledSums(torch.autograd.Function):
    """The blocks' others, own and mean, (K, B) each, and the six sums that they are made of."""

    @staticmethod
    def forward(options: Pass, scale: torch.Tensor, *arrays: Any) -> tuple[torch.Tensor, ...]:
        """The first pass: the blocks and the sums, (K, B) each.

        Args:
            options: the part of the problem that is no tensor.
            scale: 1 / temperature, shape (), or one for each place, (S,).
            arrays: the tensors that `Pass.problem` takes, in that order.
        """
        with torch.no_grad(), torch.autocast(scale.device.type, enabled=False):
            options.tiles = options.make_tiles(options.problem(*arrays), scale)
            sums = options.tiles.sums()
            return (*blocks_of(sums, xp)[:3], *arrays_of(sums))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, ...]) -> None:
        """Keep all inputs, and of the outputs the sums, of any shape, for the second pass."""
        options, *tensors = inputs
        ctx.options = options
        ctx.mark_non_differentiable(*output[3:])
        ctx.save_for_backward(*tensors, *output[3:])

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[Any, ...]:
        """The second pass: the gradients by the inputs from those by the blocks, (K, B) each."""
        wanted = tuple(ctx.needs_input_grad[1:])
        by_inputs = _Gradients.apply(ctx.options, wanted, *gradients[:3], *ctx.saved_tensors)  # type: ignore[no-untyped-call]
        return (None, *_in_place(by_inputs, wanted))

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> None:
        """Refuse forward mode, with the way out.

        Raises:
            InputError: always.
        """
        raise InputError(NO_FORWARD_MODE)

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], options: Pass, *given: torch.Tensor | None
    ) -> tuple[tuple[torch.Tensor, ...], tuple[int, ...]]:
        """The sums of a mapped axis one after the other, of any shape, with that axis first."""
        return _one_by_one(TiledSums, info, in_dims, [options], given)


class _Gradients(torch.autograd.Function):
    """The second pass: the wanted gradients of `TiledSums`, like its inputs in order and shape."""

    @staticmethod
    def forward(options: Pass, wanted: tuple[bool, ...], *given: Any) -> tuple[torch.Tensor, ...]:
        gradients, (scale, *arrays), parts = given[:3], given[3:-_SUMS], given[-_SUMS:]
        with torch.no_grad(), torch.autocast(scale.device.type, enabled=False):
            tiles = options.tiles
            if tiles is None:  # a second backward through a retained graph
                tiles = options.make_tiles(options.problem(*arrays), scale)
            options.tiles = None
            tiles.by_damp = wanted[2]
            one, dtype = not tiles.layout.positives, tiles.problem.rows[0].dtype
            by_all = tiles.gradients(
                tile_weights(Blocks(*gradients), sums_of(parts), one, dtype, xp)
            )
            by_scale = (by_all.log_scale.reshape(scale.shape) / scale).to(scale.dtype)
            given_shift, by_shift = tiles.problem.shift, by_all.shift
            if by_shift is not None and given_shift is not None:
                by_shift = by_shift if given_shift.ndim else by_shift.sum()
                by_shift = by_shift.to(given_shift.dtype)
            every = (by_scale, by_all.mix, by_all.damp, None, None, None, by_shift, *by_all.rows)
            return tuple(x for x, want in zip(every, wanted, strict=True) if want)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, ...]) -> None:
        """Keep nothing, because there is no second derivative."""

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
    gradients: Sequence[torch.Tensor], wanted: Sequence[bool]
) -> tuple[torch.Tensor | None, ...]:
    """The gradients that were computed, and None in the place of each that was not wanted."""
    left = iter(gradients)
    return tuple(next(left) if want else None for want in wanted)


def _one_by_one(
    function: Any, info: Any, in_dims: Sequence[Any], options: Sequence[Any], given: Sequence[Any]
) -> tuple[tuple[torch.Tensor, ...], tuple[int, ...]]:
    """A function applied to every element of a mapped axis: passes over tiles are not batched."""
    pass_, *rest = options
    outputs = []
    for i in range(info.batch_size):
        one = [
            x if x is None or axis is None else x.movedim(axis, 0)[i]
            for x, axis in zip(given, in_dims[len(options) :], strict=True)
        ]
        outputs.append(function.apply(pass_.again(), *rest, *one))
    stacked = tuple(torch.stack(list(x)) for x in zip(*outputs, strict=True))
    return stacked, (0,) * len(stacked)
