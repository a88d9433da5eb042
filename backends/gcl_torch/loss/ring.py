"""Many processes without gathered rows: blocks of rows travel, each pair of processes meets once.

A process meets half of the others, computes the tiles of its rows with theirs, and sends their part
of the sums (forward) or of the gradients (backward) back: half of what a full ring computes
(`gcl_torch.loss.ring_walk`).
"""

from dataclasses import dataclass
from typing import Any

import torch
from array_api_compat import torch as xp

from gcl_spec.loss.problem import Blocks, Problem, mixed, or_nan
from gcl_spec.loss.tiled.row_sums import blocks_of, tile_weights
from gcl_torch.loss.gathered_rows import ProcessGroup, once
from gcl_torch.loss.ring_walk import Walk

__all__ = ["RingKernel"]


@dataclass(frozen=True)
class RingKernel:
    """The kernel of a group whose processes hold their own rows alone: a `PartialKernel`.

    Args:
        group: the processes.
        factor: the factor of the gradients by the own rows; the group's size where gradients of
            parameters are averaged afterwards.
        sizes: the number of samples of every process.
        tile: the samples of a tile.
    """

    group: ProcessGroup
    factor: float
    sizes: tuple[int, ...]
    tile: int | None = None

    def __call__(self, problem: Problem, scale: torch.Tensor | float, /, *, xp: Any = xp) -> Blocks:
        """The blocks of all processes' rows, (K, sum of sizes) each, from the own ones, (B, D)."""
        problem = or_nan(mixed(problem, xp), xp)
        like = problem.rows[0]
        if not isinstance(scale, torch.Tensor):
            scale = torch.tensor(scale, dtype=like.dtype, device=like.device)
        walk = Walk(problem, self.group, self.sizes, self.tile, self.factor)
        others, own, mean, _ = _RingSums.apply(  # type: ignore[no-untyped-call]
            walk, scale, problem.shift, problem.mix, problem.damp, *problem.rows
        )
        return Blocks(others, own, mean, walk.present, ids=walk.ids)

    def serves(self, problem: Problem, /) -> bool:
        """Whether the problem may have several scales, or a sigmoid: it always may."""
        return True


class _RingSums(torch.autograd.Function):
    """The blocks of the rows of all processes, others, own and mean, and the numbers of positives.

    Each is (K, sum of sizes); the derivative is a second way around the ring.
    """

    @staticmethod
    def forward(
        ctx: Any,
        walk: Walk,
        scale: torch.Tensor,
        shift: torch.Tensor | None,
        mix: torch.Tensor | None,
        damp: torch.Tensor | None,
        *rows: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        with torch.autocast(scale.device.type, enabled=False):
            packed = walk.pack(rows, mix, damp)
            given = walk.given(packed, scale, shift)
            sums = walk.sums(given, packed)
        ctx.walk, ctx.sums, ctx.given = walk, sums, given
        ctx.save_for_backward(scale, shift, mix, damp, *rows)
        ctx.mark_non_differentiable(sums.own.count)
        return (*blocks_of(sums, xp)[:3], sums.own.count)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        scale, shift, mix, damp, *rows = ctx.saved_tensors
        walk: Walk = ctx.walk
        one = walk.ids is None or not walk.static.positives
        with torch.no_grad(), torch.autocast(scale.device.type, enabled=False):
            weights = tile_weights(Blocks(*gradients[:3]), ctx.sums, one, rows[0].dtype, xp)
            packed = walk.pack(rows, mix, damp)
            by_packed, (by_scale, by_shift) = walk.gradients(ctx.given, packed, weights)
            by_rows, by_mix, by_damp = walk.unpack(by_packed * walk.factor)
            by_scale = (by_scale.reshape(scale.shape) / scale).to(scale.dtype)
            if shift is not None:
                by_shift = (by_shift if shift.ndim else by_shift.sum()).to(shift.dtype)
            by_shift = None if shift is None else by_shift
            every = (by_scale, by_shift, by_mix, by_damp, *by_rows)
        return (None, *(None if x is None else once(x, *gradients[:3]) for x in every))
