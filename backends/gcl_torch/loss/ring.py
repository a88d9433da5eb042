"""Many processes without gathered rows: blocks of rows travel, each pair of processes meets once.

A process meets half of the others, computes the tiles of its rows with theirs, and sends their part
of the sums (forward) or of the gradients (backward) back: half of what a full ring computes. Rows
of two processes are in memory at a time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from array_api_compat import torch as xp

from gcl_spec.loss.problem import Blocks, Problem, mixed, or_nan, without_arrays
from gcl_spec.loss.tiled.loop import Tiles
from gcl_spec.loss.tiled.row_sums import (
    Derivatives,
    RowSums,
    Weights,
    add_sums,
    arrays_of,
    blocks_of,
    sums_of,
    weights_of,
)
from gcl_spec.loss.tiled.scales import Scales, scales_of
from gcl_spec.loss.tiled.tile_logits import LN2
from gcl_torch.loss.gathered_rows import ProcessGroup, once

__all__ = ["RingKernel"]

Rows = Sequence[torch.Tensor]
"""The given rows of each kind, (n, D), or packed matrices, (n, columns)."""
Combine = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""The sum, in some sense, of two matrices (n, columns)."""


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
        walk = _Walk(self, problem)
        others, own, mean, _ = _RingSums.apply(  # type: ignore[no-untyped-call]
            walk, scale, problem.shift, problem.mix, problem.damp, *problem.rows
        )
        return Blocks(others, own, mean, walk.present, ids=walk.ids)

    def serves(self, problem: Problem, /) -> bool:
        """Whether the problem may have several scales, or a sigmoid: it always may."""
        return True


class _Given(NamedTuple):
    """The scales of a problem."""

    largest: float
    """The largest of them."""
    scales: Scales
    """All of them, as parts of the largest."""


class _Walk:
    """A process's way around the ring, forward and backward.

    What belongs to n samples travels as one matrix (n, columns): the given rows, the factors of
    mixed ones and the captions' features, or the gradients by them.
    """

    def __init__(self, kernel: RingKernel, problem: Problem) -> None:
        self.group, self.tile, self.factor = kernel.group, kernel.tile or 256, kernel.factor
        self.factors = None if problem.mix is None else problem.mix.shape[:2]
        self.widths = [x.shape[1] for x in problem.rows]
        self.widths.append(0 if self.factors is None else self.factors.numel())
        self.widths.append(0 if problem.damp is None else problem.damp.shape[1])
        self.static = without_arrays(problem)
        self.sizes = kernel.sizes
        ends = [sum(self.sizes[: r + 1]) for r in range(len(self.sizes))]
        self.places = [slice(e - s, e) for e, s in zip(ends, self.sizes, strict=True)]
        gather, present = self.group.gather, problem.present
        self.present = None if present is None else gather(present.mT.contiguous(), self.sizes).mT
        self.ids = None if problem.ids is None else gather(problem.ids, self.sizes)

    def sums(self, given: _Given, packed: torch.Tensor) -> RowSums:
        """The sums of the rows of all processes, (K, sum of sizes) each, on each of them."""

        def of(problem: Problem, cut: int | None, places: list[slice]) -> torch.Tensor:
            if problem.rows[0].shape[0] == 0:
                return packed.new_empty(0, 6 * len(problem.blocks), dtype=torch.float64)
            return _flat(self._tiles(problem, given, cut).sums())

        def add(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            a, b = _sums_of(x), _sums_of(y)
            return _flat(add_sums(a, b, xp, linear=self.static.sigmoid))

        mine = self._visit(packed, of, add)
        return _sums_of(self.group.gather(mine.contiguous(), self.sizes))

    def gradients(
        self, given: _Given, packed: torch.Tensor, derivatives: Derivatives
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The gradients by what is packed, (n, columns), and by scales and shifts, (2, S).

        The latter are of the whole group; those of shifts are 0 where there are none.
        """
        places = len(given.scales.ratios)
        by_places = torch.zeros(2, places, dtype=torch.float64, device=packed.device)

        def of(problem: Problem, cut: int | None, places: list[slice]) -> torch.Tensor:
            if problem.rows[0].shape[0] == 0:
                return packed[:0]
            cuts = ([w[:, at] for at in places] for w in derivatives.weights)
            mine = derivatives._replace(weights=Weights(*(torch.cat(x, 1) for x in cuts)))
            found = self._tiles(problem, given, cut).gradients(mine)
            by_places[0] += found.log_scale
            if found.shift is not None:
                by_places[1] += found.shift
            return self.pack(found.rows, found.mix, found.damp)

        return self._visit(packed, of, torch.add), self.group.sum(by_places)

    def pack(self, rows: Rows, mix: torch.Tensor | None, damp: torch.Tensor | None) -> torch.Tensor:
        """One matrix, (n, columns), of everything that belongs to n samples."""
        columns = [None if mix is None else mix.flatten(0, 1).mT, damp]
        return torch.cat([*rows, *(x for x in columns if x is not None)], dim=1)

    def unpack(self, packed: torch.Tensor) -> tuple[Rows, torch.Tensor | None, torch.Tensor | None]:
        """The rows of each kind, (n, D), the factors, and the captions' features."""
        *rows, mix, damp = torch.split(packed, self.widths, dim=1)
        factors = None if self.factors is None else mix.mT.reshape(*self.factors, -1)
        return rows, factors, damp if self.widths[-1] else None

    def _visit(self, packed: torch.Tensor, of: Callable[..., Any], add: Combine) -> torch.Tensor:
        """The own rows' total, (n, columns), of a function of the own block and every meeting."""
        rank, size, samples = self.group.rank, self.group.size, packed.shape[0]
        total: torch.Tensor = of(self._problem([rank], [packed]), None, [self.places[rank]])
        for hop in range(1, size // 2 + 1):
            to, source = (rank - hop) % size, (rank + hop) % size
            # At the last hop of an even ring both could compute the meeting: the first half does.
            computes = 2 * hop != size or rank < hop
            sends = 2 * hop != size or rank >= hop
            theirs = packed.new_empty(self.sizes[source], packed.shape[1]) if computes else None
            self._exchange(packed if sends else None, to, theirs, source)
            back = None
            if theirs is not None:
                problem = self._problem([rank, source], [packed, theirs])
                both = of(problem, samples, [self.places[rank], self.places[source]])
                total, back = add(total, both[:samples]), both[samples:].contiguous()
            answer = total.new_empty(total.shape) if sends else None
            self._exchange(back, source, answer, to)
            if answer is not None:
                total = add(total, answer)
        return total

    def _exchange(
        self, out: torch.Tensor | None, to: int, into: torch.Tensor | None, source: int
    ) -> None:
        """Send `out` to one process and receive from another; None: nothing goes that way."""
        group, moves = self.group.group, []
        if out is not None:
            peer = dist.get_global_rank(group, to)
            moves.append(dist.P2POp(dist.isend, out.contiguous(), peer, group))
        if into is not None:
            peer = dist.get_global_rank(group, source)
            moves.append(dist.P2POp(dist.irecv, into, peer, group))
        for work in dist.batch_isend_irecv(moves) if moves else []:
            work.wait()

    def _problem(self, ranks: Sequence[int], packed: Rows) -> Problem:
        """The problem of the samples of some processes, from their packed matrices."""
        rows, mix, damp = self.unpack(torch.cat(list(packed)))
        places = [self.places[rank] for rank in ranks]
        present, ids = self.present, self.ids
        return replace(
            self.static,
            rows=tuple(rows),
            mix=mix,
            present=None if present is None else torch.cat([present[:, at] for at in places], 1),
            ids=None if ids is None else torch.cat([ids[at] for at in places]),
            damp=damp,
        )

    def _tiles(self, problem: Problem, given: _Given, cut: int | None) -> Tiles:
        """The tiles of a problem, or with a cut those of two processes' rows with each other."""
        options: Any = {"cut": cut, "by_damp": problem.damp is not None, "scales": given.scales}
        return Tiles(problem, given.largest / LN2, self.tile, None, xp, **options)


def _flat(sums: RowSums) -> torch.Tensor:
    """The six sums of n rows, (K, n) each, as one matrix, (n, 6 K)."""
    return torch.cat([x.double() for x in arrays_of(sums)]).mT


def _sums_of(flat: torch.Tensor) -> RowSums:
    """The sums, (K, n) each, of a matrix that `_flat` made, (n, 6 K)."""
    return sums_of(flat.mT.chunk(6))


class _RingSums(torch.autograd.Function):
    """The blocks of the rows of all processes, others, own and mean, and the numbers of positives.

    Each is (K, sum of sizes); the derivative is a second way around the ring.
    """

    @staticmethod
    def forward(
        ctx: Any,
        walk: _Walk,
        scale: torch.Tensor,
        shift: torch.Tensor | None,
        mix: torch.Tensor | None,
        damp: torch.Tensor | None,
        *rows: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        problem = replace(walk.static, shift=shift)
        given = _Given(*scales_of(problem, scale, xp, on_host=True))
        with torch.autocast(scale.device.type, enabled=False):
            sums = walk.sums(given, walk.pack(rows, mix, damp))
        ctx.walk, ctx.sums, ctx.given = walk, sums, given
        ctx.save_for_backward(scale, shift, mix, damp, *rows)
        ctx.mark_non_differentiable(sums.own.count)
        return (*blocks_of(sums, xp)[:3], sums.own.count)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        scale, shift, mix, damp, *rows = ctx.saved_tensors
        walk: _Walk = ctx.walk
        one = walk.ids is None or not walk.static.positives
        with torch.no_grad(), torch.autocast(scale.device.type, enabled=False):
            weights = weights_of(Blocks(*gradients[:3]), ctx.sums, one, rows[0].dtype, xp)
            packed = walk.pack(rows, mix, damp)
            found, (by_scale, by_shift) = walk.gradients(ctx.given, packed, weights)
            by_rows, by_mix, by_damp = walk.unpack(found * walk.factor)
            by_scale = (by_scale.reshape(scale.shape) / scale).to(scale.dtype)
            if shift is not None:
                by_shift = (by_shift if shift.ndim else by_shift.sum()).to(shift.dtype)
            by_shift = None if shift is None else by_shift
            every = (by_scale, by_shift, by_mix, by_damp, *by_rows)
        return (None, *(None if x is None else once(x, *gradients[:3]) for x in every))
