"""The tiled kernel for PyTorch: `gcl_spec.tiles` as an autograd function."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from array_api_compat import torch as xp
from torch.autograd.function import once_differentiable

from gcl_spec.blocks import Blocks, Problem, plain_blocks
from gcl_spec.exponents import shared_shift
from gcl_spec.gram import LN2
from gcl_spec.softmax_tiles import Own
from gcl_spec.tiles import RowSums, Tiles, blocks_of, weights_of

__all__ = ["GramKernel"]

_PLAIN_BELOW = 256
"""Samples under which whole blocks are as fast as tiles; see benchmarks/README.md."""


@dataclass(frozen=True)
class GramKernel:
    """A `gcl_spec.blocks.Kernel` with memory O(B D).

    tile: samples of a tile; None: the measured best, and whole blocks for small batches.
    cache_bytes: memory for products of tiles that backward need not compute again.
    """

    tile: int | None = None
    cache_bytes: int = 0

    def __call__(self, problem: Problem, scale: torch.Tensor | float, /, *, xp: Any = xp) -> Blocks:
        """See `gcl_spec.blocks.Kernel`."""
        small = self.tile is None and problem.rows[0].shape[0] < _PLAIN_BELOW
        if small or problem.damp is not None:
            return plain_blocks(problem, scale, xp=xp)
        blocks: Blocks = self._tiled(problem, scale)
        return blocks

    # Loops over tiles and chooses by values: it has no graph of its own.
    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def _tiled(self, problem: Problem, scale: torch.Tensor | float) -> Blocks:
        if not isinstance(scale, torch.Tensor):
            scale = torch.tensor(scale, dtype=problem.rows[0].dtype, device=problem.rows[0].device)
        others, own, mean, _ = _RowSums.apply(  # type: ignore[no-untyped-call]
            _Pass(replace(problem, rows=(), mix=None, present=None, ids=None), self),
            scale,
            problem.mix,
            problem.present,
            problem.ids,
            *problem.rows,
        )
        return Blocks(others, own, mean)


class _Pass:
    """What forward hands to backward besides tensors: static options and, once, its tiles."""

    def __init__(self, static: Problem, kernel: GramKernel) -> None:
        self.static, self.kernel = static, kernel
        self.tiles: Tiles | None = None

    def problem(
        self,
        mix: torch.Tensor | None,
        present: torch.Tensor | None,
        ids: torch.Tensor | None,
        rows: Sequence[torch.Tensor],
    ) -> Problem:
        return replace(self.static, rows=tuple(rows), mix=mix, present=present, ids=ids)

    def make_tiles(self, problem: Problem, scale: torch.Tensor) -> Tiles:
        scale2 = float(scale) / LN2
        found = shared_shift(problem, scale2, xp)
        return Tiles(
            problem,
            scale2,
            self.kernel.tile or 256,
            float(found.shift) if bool(found.fits) else None,
            xp,
            self.kernel.cache_bytes,
            _add_product,
        )


class _RowSums(torch.autograd.Function):
    """Log-sums of all rows: others, own, mean, and the number of positives."""

    @staticmethod
    def forward(
        options: _Pass,
        scale: torch.Tensor,
        mix: torch.Tensor | None,
        present: torch.Tensor | None,
        ids: torch.Tensor | None,
        *rows: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        with torch.no_grad(), torch.autocast(scale.device.type, enabled=False):
            options.tiles = options.make_tiles(options.problem(mix, present, ids, rows), scale)
            sums = options.tiles.sums()
            return (*blocks_of(sums, xp), sums.own.count)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, ...]) -> None:
        options, *tensors = inputs
        ctx.options = options
        ctx.mark_non_differentiable(output[3])
        ctx.save_for_backward(*tensors, *output)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[Any, ...]:
        scale, mix, present, ids, *rows = ctx.saved_tensors[:-4]
        others, own, mean, count = ctx.saved_tensors[-4:]
        tiles = ctx.options.tiles
        if tiles is None:  # a second backward through a retained graph
            tiles = ctx.options.make_tiles(ctx.options.problem(mix, present, ids, rows), scale)
        ctx.options.tiles = None
        sums = RowSums(others / LN2, Own(own / LN2, mean * count / LN2, count))
        with torch.autocast(scale.device.type, enabled=False):
            one = not tiles.layout.positives
            weights = weights_of(Blocks(*gradients[:3]), sums, tiles.shift, one, rows[0].dtype, xp)
            found = tiles.gradients(weights)
        by_scale = (found.log_scale / scale).to(scale.dtype)
        return (None, by_scale, found.mix, None, None, *found.rows)

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], options: _Pass, *inputs: torch.Tensor | None
    ) -> tuple[tuple[torch.Tensor, ...], int]:
        found = []
        for i in range(info.batch_size):
            one = [
                x if x is None or axis is None else x.movedim(axis, 0)[i]
                for x, axis in zip(inputs, in_dims[1:], strict=True)
            ]
            options = _Pass(options.static, options.kernel)
            found.append(_RowSums.apply(options, *one))  # type: ignore[no-untyped-call]
        return tuple(torch.stack(list(x)) for x in zip(*found, strict=True)), 0


def _add_product(out: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> None:
    out.addmm_(x, y)
