"""The loss tile by tile: the loop over tiles, for frameworks that run eagerly.

Forward visits every unordered pair of tiles once and keeps only the sums of every row; backward
visits them again and adds to the gradients of the rows. Memory is O(B D) and a few tiles, time
about that of one plain product of all rows with all rows (`benchmarks/README.md`).
"""

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from array_api_compat import device

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.loss.kernel import Processes
from gcl_spec.loss.problem import Problem
from gcl_spec.loss.tiled.log_sums import LogSums, log2_sum, log_add, log_sum_over
from gcl_spec.loss.tiled.own_logits import own_sums
from gcl_spec.loss.tiled.row_sums import Derivatives, Own, RowSums, Sums, Weights
from gcl_spec.loss.tiled.tile_logits import (
    LN2,
    BlockMap,
    Layout,
    Side,
    TileGrads,
    layout_of,
    products,
)
from gcl_spec.loss.tiled.tile_softmax import backward_tile, forward_tile

__all__ = ["Gradients", "Tiles"]

AddProduct = Callable[[Array, Array, Array], None]
Multiply = Callable[[Array, Array], Array]


class Gradients(NamedTuple):
    """By the given rows, (B, D) each, the factors of mixed rows, the logarithm of the scale, and,
    where asked for, the captions' features, (B, F)."""

    rows: tuple[Array, ...]
    mix: Array | None
    log_scale: Array
    damp: Array | None = None


def _add_product(out: Array, x: Array, y: Array) -> None:
    out += x @ y


@dataclass
class Tiles:
    """The rows of a problem, cut into tiles of samples.

    scale2: scale / ln 2. tile: samples of a tile. shift: see `gcl_spec.loss.tiled.shared_shift`;
    None where each row needs its own. cache_bytes: products of tiles to keep from `sums` for
    `gradients`.
    multiply, add_product: x @ y, and out += x @ y in place. forward_tile, backward_tile: those of
    `gcl_spec.loss.tiled.tile_softmax`, perhaps compiled. processes: who else works on this problem.
    scale_first: scale rows, of which there are fewer than products; not where `multiply` rounds.
    cut: only pairs of a sample before this place with one from there on.
    own_step: samples whose own logits are computed at a time; few fit into a processor's cache.
    by_damp: are gradients by the captions' features wanted?
    """

    problem: Problem
    scale2: float | Array
    tile: int
    shift: float | None
    xp: ArrayNamespace
    cache_bytes: int = 0
    multiply: Multiply = operator.matmul
    add_product: AddProduct = _add_product
    forward_tile: Callable[..., Sums] = forward_tile
    backward_tile: Callable[..., TileGrads] = backward_tile
    processes: Processes | None = None
    scale_first: bool = True
    cut: int | None = None
    by_damp: bool = False
    own_step: int = 32
    layout: Layout = field(init=False)

    def __post_init__(self) -> None:
        self.layout = layout_of(self.problem)
        self._cache: dict[tuple[int, int], BlockMap] = {}
        size = self.problem.rows[0].shape[0]
        bounds = [0, size] if self.cut is None else [0, self.cut, size]
        self._slices = [
            slice(start, min(start + self.tile, stop))
            for first, stop in pairwise(bounds)
            for start in range(first, stop, self.tile)
        ]

    def sums(self) -> RowSums:
        """The first pass."""
        others: list[Array | LogSums | None] = [None] * len(self._slices)
        own: list[Own | None] = [None] * len(self._slices)
        for i, j, a, b in self._pairs():
            given = self._products(i, j, a, b)
            found = self.forward_tile(given, a, b, self.layout, i == j, self.shift, self.xp)
            others[i] = self._add(others[i], found.others_a)
            own[i] = self._add_own(own[i], found.own_a)
            if i != j:
                others[j] = self._add(others[j], found.others_b)
                own[j] = self._add_own(own[j], found.own_b)
        return RowSums(self._all_others(others), self._all_own(own))

    def gradients(self, derivatives: Derivatives) -> Gradients:
        """The second pass; weights are (K, B)."""
        xp, layout = self.xp, self.layout
        rows = [xp.zeros_like(x) for x in self.problem.rows]
        mix: list[Array | None] = [None] * len(self._slices)
        log_scale = xp.zeros_like(rows[0][0, 0], dtype=xp.float64)
        damp = xp.zeros_like(self.problem.damp) if self.by_damp else None
        cut = [
            Weights(*(xp.unstack(w[:, at], axis=0) for w in derivatives.weights))
            for at in self._slices
        ]
        for i, j, a, b in self._pairs():
            given = self._products(i, j, a, b, last=True)
            found = self.backward_tile(given, cut[i], cut[j], a, b, layout, i == j, self.shift, xp)
            self._add_rows(found.products, rows, self.problem.rows, i, j)
            if damp is not None:
                self._add_rows({(0, 0): found.damp}, (damp,), (self.problem.damp,), i, j)
            mix[i] = self._plus(mix[i], found.mix_a)
            mix[j] = self._plus(mix[j], found.mix_b)
            log_scale = log_scale + xp.astype(found.log_scale, xp.float64)
        by_all = self._gathered(rows, self._joined_mix(mix), log_scale, derivatives.factor)
        if damp is None:
            return by_all
        factor = xp.astype(derivatives.factor, damp.dtype)
        return by_all._replace(damp=self._sum(damp * factor))

    def _side(self, at: slice) -> Side:
        problem, xp, present = self.problem, self.xp, self.problem.present
        mix = () if problem.mix is None else xp.unstack(problem.mix[:, :, at], axis=0)
        return Side(
            z=tuple(x[at, :] for x in problem.rows),
            mix=tuple(xp.unstack(factors, axis=0) for factors in mix) or None,
            present=None if present is None else xp.astype(present[:, at], problem.rows[0].dtype),
            ids=None if problem.ids is None else problem.ids[at],
            damp=None if problem.damp is None else problem.damp[at, :],
        )

    def _pairs(self) -> Iterator[tuple[int, int, Side, Side]]:
        """Pairs of tiles; the first side's rows are scaled."""
        sides = [self._side(at) for at in self._slices]
        for i, others in self._turns():
            rows = [x * self.scale2 for x in sides[i].z] if self.scale_first else sides[i].z
            a = sides[i]._replace(z=self.xp.concat(rows))
            for j in others:
                yield i, j, a, sides[j]

    def _turns(self) -> Iterator[tuple[int, list[int]]]:
        """Tiles, each with those that it is paired with, in turn for each of the processes."""
        turn = 0
        for i, at in enumerate(self._slices):
            ours = []
            for j in range(i, len(self._slices)):
                if self.cut is not None and not at.start < self.cut <= self._slices[j].start:
                    continue
                if self.processes is None or turn % self.processes.size == self.processes.rank:
                    ours.append(j)
                turn += 1
            if ours:
                yield i, ours

    def _joined(self, found: Sequence[Array | None], start: float, dtype: Any) -> Array:
        """(K, B) of the tiles' (K, T), which are `start` where no pair of tiles was ours.

        dtype: theirs, given because a process may have no tile that could tell it to the others.
        """
        xp, where = self.xp, device(self.problem.rows[0])
        shapes = [(len(self.layout.blocks), at.stop - at.start) for at in self._slices]
        return xp.concat(
            [
                xp.full(shape, start, dtype=dtype, device=where) if x is None else x
                for shape, x in zip(shapes, found, strict=True)
            ],
            axis=1,
        )

    def _all_others(self, found: Sequence[Any]) -> LogSums:
        """Of all samples, and of all processes."""
        if self.shift is None:
            return self._all_logs(found)
        return self._shifted(self._joined(found, 0.0, self.xp.float64))

    def _shifted(self, total: Array) -> LogSums:
        """Of sums of exp2(logit - shift), those of all processes."""
        total = self._sum(total)
        return LogSums(self.xp.full_like(total, self.shift), log2_sum(total, self.xp))

    def _all_own(self, found: Sequence[Own | None]) -> Own:
        """In tiles, or each sample's with itself; every process has these."""
        if not self.layout.positives and self.cut is None:
            xp, scale2 = self.xp, self.scale2
            return own_sums(self.problem, scale2, xp, dtype=xp.float64, step=self.own_step)
        dtype = self.problem.rows[0].dtype
        linear, count = (
            self._sum(self._joined([None if x is None else x[i] for x in found], 0.0, dtype))
            for i in (1, 2)
        )
        return Own(self._all_logs([None if x is None else x.logs for x in found]), linear, count)

    def _all_logs(self, found: Sequence[LogSums | None]) -> LogSums:
        dtype = self.problem.rows[0].dtype
        logs = LogSums(
            *(
                self._joined([None if x is None else x[i] for x in found], -self.xp.inf, dtype)
                for i in (0, 1)
            )
        )
        if self.processes is None:
            return logs
        return log_sum_over(logs, self.processes.max, self.processes.sum, self.xp)

    def _products(self, i: int, j: int, a: Side, b: Side, last: bool = False) -> BlockMap:
        if (i, j) in self._cache:
            return self._cache.pop((i, j)) if last else self._cache[i, j]
        found = products(a, b, self.layout, self.xp, self.multiply)
        if not self.scale_first:
            found = {at: x * self.scale2 for at, x in found.items()}
        if not last and self._takes(sum(x.shape[0] * x.shape[1] for x in found.values())):
            self._cache[i, j] = found
        return found

    def _takes(self, numbers: int) -> bool:
        """Is there room for so many more in the budget? Then it is taken."""
        size = numbers * self.xp.finfo(self.problem.rows[0].dtype).bits // 8
        if size > self.cache_bytes:
            return False
        self.cache_bytes -= size
        return True

    def _add(self, total: Any, found: Any) -> Any:
        """Sums in float64, or logarithms of sums."""
        if self.shift is None:
            return found if total is None else log_add(total, found, self.xp)
        if total is None:
            return self.xp.astype(found, self.xp.float64)
        total += found
        return total

    def _add_own(self, total: Own | None, found: Own | None) -> Own | None:
        if total is None or found is None:
            return found if total is None else total
        logs = log_add(total.logs, found.logs, self.xp)
        return Own(logs, total.linear + found.linear, total.count + found.count)

    def _plus(self, total: Array | None, found: Array | None) -> Array | None:
        return found if total is None else total if found is None else total + found

    def _add_rows(
        self, d: BlockMap, into: Sequence[Array], given: Sequence[Array], i: int, j: int
    ) -> None:
        """d x_a += D x_b and, of two different tiles, d x_b += D^T x_a; the scale comes last."""
        at_a, at_b = self._slices[i], self._slices[j]
        for (c, k), block in d.items():
            self.add_product(into[c][at_a, :], block, given[k][at_b, :])
            if i != j:
                transposed = self.xp.matrix_transpose(block)
                self.add_product(into[k][at_b, :], transposed, given[c][at_a, :])

    def _joined_mix(self, found: Sequence[Array | None]) -> Array | None:
        if self.problem.mix is None:
            return None
        zeros = [self.xp.zeros_like(self.problem.mix[:, :, at]) for at in self._slices]
        mix = [z if x is None else x for x, z in zip(found, zeros, strict=True)]
        return self.xp.concat(mix, axis=2)

    def _gathered(
        self, rows: Sequence[Array], by_mix: Any, log_scale: Array, factor: Array
    ) -> Gradients:
        """What the passes found, with all factors, of all processes."""
        xp, layout = self.xp, self.layout
        log_scale = log_scale * factor
        found = []
        for x in rows:
            x *= xp.astype(self.scale2 * LN2 * factor, x.dtype)
            found.append(self._sum(x))
        if by_mix is None:
            return Gradients(tuple(found), None, self._sum(log_scale))
        by_mix = self._sum(by_mix * xp.astype(LN2 * factor, by_mix.dtype))
        if layout.factors == 1:
            given: Any = self.problem.mix
            zero = given == 0
            by_mix = xp.where(zero, 0 * by_mix, by_mix / xp.where(zero, 1 + given, given))
        return Gradients(tuple(found), by_mix, self._sum(log_scale))

    def _sum(self, x: Array) -> Array:
        return x if self.processes is None else self.processes.sum(x)
