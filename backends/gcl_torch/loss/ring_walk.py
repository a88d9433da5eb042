"""A process's way around a ring: whom it meets, what travels meanwhile, and what comes of it.

While a process computes its rows with those of one process (`gcl_spec.loss.tiled.meetings`), those
of the next already come, and what is owed to the last goes back. Of one block of rows each, a
process holds its own, the one that it computes with, and the one that comes.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from array_api_compat import torch as xp

from gcl_spec.loss.problem import Problem, without_arrays
from gcl_spec.loss.tiled.loop import Tiles
from gcl_spec.loss.tiled.meetings import Meeting, meetings_of
from gcl_spec.loss.tiled.row_sums import (
    Derivatives,
    RowSums,
    Weights,
    add_sums,
    arrays_of,
    sums_of,
)
from gcl_spec.loss.tiled.scales import Scales, scales_of
from gcl_spec.loss.tiled.tile_logits import LN2
from gcl_torch.loss.gathered_rows import ProcessGroup
from gcl_torch.loss.kernel import add_product, shift_on_host
from gcl_torch.loss.ring_moves import Move
from gcl_torch.loss.stacked_tiles import StackedTiles

__all__ = ["Given", "Walk"]

Rows = Sequence[torch.Tensor]
"""The given rows of each kind, (N, D)."""
Add = Callable[[torch.Tensor, torch.Tensor], object]
"""A function that adds to a matrix, in place, another that holds the same kind of sums, (N, W)."""

_TILE = {"cpu": 256}
"""The samples of a tile by kind of device."""


class Given(NamedTuple):
    """What all tiles of a batch have in common."""

    largest: float
    """The largest scale."""
    scales: Scales
    """The scales of all places, as parts of the largest."""
    shift: float | None
    """The number that every exponent is lessened by; None where each row needs its own maximum."""


class Walk:
    """The way of one batch around the ring, forward and backward.

    What belongs to N samples travels as one matrix (N, W): the given rows, the factors of
    mixed ones and the captions' features, or the gradients by them.

    Args:
        problem: the own rows, (B, D) each, with what belongs to them.
        group: the processes.
        sizes: the number of samples of every process.
        tile: the samples of a tile; None: the measured best.
        factor: the factor of the gradients by the own rows.
    """

    def __init__(
        self,
        problem: Problem,
        group: ProcessGroup,
        sizes: Sequence[int],
        tile: int | None,
        factor: float,
    ) -> None:
        self.group, self.sizes, self.factor = group, sizes, factor
        self.device = problem.rows[0].device.type
        self.tile = tile or _TILE.get(self.device, 256)
        self.factors = None if problem.mix is None else problem.mix.shape[:2]
        self.widths = [x.shape[1] for x in problem.rows]
        self.widths.append(0 if self.factors is None else self.factors.numel())
        self.widths.append(0 if problem.damp is None else problem.damp.shape[1])
        self.static = without_arrays(problem)
        self.lift = problem.lift
        if isinstance(self.lift, torch.Tensor):
            self.lift = self.lift.detach()
        self.starts = [sum(sizes[:rank]) for rank in range(len(sizes))]
        gather, present = group.gather, problem.present
        self.present = None if present is None else gather(present.mT.contiguous(), sizes).mT
        self.ids = None if problem.ids is None else gather(problem.ids, sizes)

    def given(self, packed: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor | None) -> Given:
        """What the tiles of all processes have in common, the same on each of them.

        Args:
            packed: the own matrix, (B, W).
            scale: 1 / temperature, shape (), or one for each place, (S,).
            shift: the shift of a sigmoid's logits, shape () or (S,), or None.
        """
        problem = replace(self._problem([self._mine(slice(None))], packed), shift=shift)
        largest, scales = scales_of(problem, scale, xp, on_host=True)
        if self.device != "cpu":  # a choice by values would wait for the device
            return Given(largest, scales, None)
        problem, samples = replace(problem, lift=self.lift), sum(self.sizes)
        exponent_shift = shift_on_host(problem, largest / LN2, scales, self.group, samples)
        return Given(largest, scales, exponent_shift)

    def sums(self, given: Given, packed: torch.Tensor) -> RowSums:
        """The sums of the rows of all processes, (K, sum of sizes) each, on each of them.

        Args:
            given: what all tiles have in common.
            packed: the own matrix, (B, W).
        """

        def of(x: torch.Tensor, cut: int | None, places: list[slice]) -> torch.Tensor:
            return _flat(self._tiles(self._problem(places, x), given, cut).sums())

        def add(x: torch.Tensor, y: torch.Tensor) -> None:
            x.copy_(_flat(add_sums(_sums_of(x), _sums_of(y), xp, linear=self.static.sigmoid)))

        numbers = packed.new_empty(0, 6 * len(self.static.blocks), dtype=torch.float64)
        mine = self._visit(packed, of, add, numbers)
        return _sums_of(self.group.gather(mine.contiguous(), self.sizes))

    def gradients(
        self, given: Given, packed: torch.Tensor, derivatives: Derivatives
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The gradients by what is packed, (N, W), and by scales and shifts, (2, S).

        The latter are of the whole group; those of shifts are 0 where there are none.

        Args:
            given: what all tiles have in common.
            packed: the own matrix, (N, W).
            derivatives: the derivatives of the loss by the sums that `sums` gives,
                (K, sum of sizes) each.
        """
        places = len(given.scales.ratios)
        by_places = torch.zeros(2, places, dtype=torch.float64, device=packed.device)

        def of(x: torch.Tensor, cut: int | None, places: list[slice]) -> torch.Tensor:
            cuts = ([w[:, at] for at in places] for w in derivatives.weights)
            mine = derivatives._replace(weights=Weights(*(torch.cat(w, 1) for w in cuts)))
            gradients = self._tiles(self._problem(places, x), given, cut).gradients(mine)
            by_places[0] += gradients.log_scale
            if gradients.shift is not None:
                by_places[1] += gradients.shift
            return self.pack(gradients.rows, gradients.mix, gradients.damp)

        return self._visit(packed, of, torch.Tensor.add_, packed[:0]), self.group.sum(by_places)

    def pack(self, rows: Rows, mix: torch.Tensor | None, damp: torch.Tensor | None) -> torch.Tensor:
        """One matrix of everything that belongs to N samples.

        Args:
            rows: the given rows of each kind, (N, D).
            mix: the factors of mixed rows, (F, 1, N) or (F, 2, N), or None.
            damp: the captions' features, (N, F), or None.

        Returns:
            Shape (N, W).
        """
        columns = [None if mix is None else mix.flatten(0, 1).mT, damp]
        return torch.cat([*rows, *(x for x in columns if x is not None)], dim=1)

    def unpack(self, packed: torch.Tensor) -> tuple[Rows, torch.Tensor | None, torch.Tensor | None]:
        """The parts of a matrix that `pack` made.

        Args:
            packed: the matrix, (N, W).

        Returns:
            The given rows of each kind, (N, D), the factors of mixed rows, (F, 1, N) or (F, 2, N),
            or None, and the captions' features, (N, F), or None.
        """
        *rows, mix, damp = torch.split(packed, self.widths, dim=1)
        factors = None if self.factors is None else mix.mT.reshape(*self.factors, -1)
        return rows, factors, damp if self.widths[-1] else None

    def _visit(
        self,
        packed: torch.Tensor,
        of: Callable[..., torch.Tensor],
        add: Add,
        none: torch.Tensor,
    ) -> torch.Tensor:
        """The own rows' total, (N, W), of a function of the own block and every meeting.

        Args:
            packed: what travels of the own samples, (N, W).
            of: the function: of the matrix of some samples, of the cut between two processes'
                samples in it, and of the places of both in the whole batch.
            add: the function that adds to a total.
            none: the total of no samples, (0, W).
        """
        meetings = list(meetings_of(self.group.rank, self.sizes))
        coming = [self._rows_move(meeting, packed) for meeting in meetings[:1]]
        total = of(packed, None, [self._mine(slice(None))]) if len(packed) else none
        owed: list[tuple[Meeting, Move]] = []
        for step, meeting in enumerate(meetings):
            both, move = coming.pop()
            came = move.wait() is not None
            coming += [self._rows_move(later, packed) for later in meetings[step + 1 : step + 2]]
            back = total[:0]
            if came:
                places = [self._mine(meeting.mine), self._place(meeting.source, meeting.theirs)]
                cut = _length(meeting.mine)
                values = of(both, cut, places)
                add(total[meeting.mine], values[:cut])
                back = values[cut:]
            owed.append((meeting, self._answer_move(meeting, back, total)))
            self._settle(owed, total, add, left=1)
        self._settle(owed, total, add, left=0)
        return total

    def _settle(
        self, owed: list[tuple[Meeting, Move]], total: torch.Tensor, add: Add, left: int
    ) -> None:
        """Add to the total, (N, W), the answers of all meetings but the last `left`."""
        while len(owed) > left:
            meeting, move = owed.pop(0)
            answer = move.wait()
            if answer is not None:
                add(total[meeting.sent], answer)

    def _rows_move(self, meeting: Meeting, packed: torch.Tensor) -> tuple[torch.Tensor, Move]:
        """Begin to send the own rows, and to receive others' behind the own ones that meet them."""
        cut = _length(meeting.mine)
        both = packed.new_empty(cut + _length(meeting.theirs), packed.shape[1])
        both[:cut] = packed[meeting.mine]
        out, into = packed[meeting.sent], both[cut:]
        return both, Move(self.group.group, out, meeting.to, into, meeting.source)

    def _answer_move(self, meeting: Meeting, back: torch.Tensor, total: torch.Tensor) -> Move:
        """Begin to send back what came of others' rows, and to receive what came of the own."""
        into = total.new_empty(_length(meeting.sent), total.shape[1])
        return Move(self.group.group, back, meeting.source, into, meeting.to)

    def _place(self, rank: int, at: slice) -> slice:
        """The place in the whole batch of some samples of a process."""
        start, stop, _ = at.indices(self.sizes[rank])
        return slice(self.starts[rank] + start, self.starts[rank] + stop)

    def _mine(self, at: slice) -> slice:
        """The place in the whole batch of some of the own samples."""
        return self._place(self.group.rank, at)

    def _problem(self, places: Sequence[slice], packed: torch.Tensor) -> Problem:
        """The problem of the samples at some places of the batch, from their packed matrix."""
        rows, mix, damp = self.unpack(packed)
        present, ids = self.present, self.ids
        return replace(
            self.static,
            rows=tuple(rows),
            mix=mix,
            present=None if present is None else torch.cat([present[:, at] for at in places], 1),
            ids=None if ids is None else torch.cat([ids[at] for at in places]),
            damp=damp,
        )

    def _tiles(self, problem: Problem, given: Given, cut: int | None) -> Tiles:
        """The tiles of a problem, or with a cut those of two processes' rows with each other."""
        options: Any = {"cut": cut, "by_damp": problem.damp is not None, "scales": given.scales}
        options["add_product"] = add_product
        stacked = self.device == "cpu" and StackedTiles.serve(problem, given.shift)
        kind = StackedTiles if stacked else Tiles
        return kind(problem, given.largest / LN2, self.tile, given.shift, xp, **options)


def _length(at: slice) -> int:
    """The number of places of a slice that has both ends."""
    return int(at.stop - at.start)


def _flat(sums: RowSums) -> torch.Tensor:
    """The six sums of N rows, (K, N) each, as one matrix, (N, 6 K)."""
    return torch.cat([x.double() for x in arrays_of(sums)]).mT


def _sums_of(flat: torch.Tensor) -> RowSums:
    """The sums, (K, N) each, of a matrix that `_flat` made, (N, 6 K)."""
    return sums_of(flat.mT.chunk(6))
