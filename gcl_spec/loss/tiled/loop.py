"""The loss tile by tile: the loop over tiles, for frameworks that run eagerly.

Forward visits every unordered pair of tiles once and keeps only the sums of every row; backward
visits them again and adds to the gradients of the rows. Memory is O(B D) and a few tiles, time
about that of one plain product of all rows with all rows (`benchmarks/README.md`).
"""

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from array_api_compat import device

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.loss.kernel import Processes
from gcl_spec.loss.plain import Multiply
from gcl_spec.loss.problem import Problem
from gcl_spec.loss.tiled.log_sums import LogSums, log2_sum, log_add, log_sum_over
from gcl_spec.loss.tiled.own_logits import own_sums
from gcl_spec.loss.tiled.pull_back import Gradients, TileGrads, by_one_factor
from gcl_spec.loss.tiled.row_sums import Derivatives, Own, RowSums, Sums, Weights, add_own
from gcl_spec.loss.tiled.scales import ONE, Scales
from gcl_spec.loss.tiled.schedule import slices_of, turns_of
from gcl_spec.loss.tiled.tile_logits import (
    LN2,
    BlockMap,
    Layout,
    Side,
    layout_of,
    products,
)
from gcl_spec.loss.tiled.tile_softmax import backward_tile, forward_tile
from gcl_spec.loss.unstack import unstack

__all__ = ["Tiles"]

AddProduct = Callable[[Array, Array, Array], None]
"""The function out += x @ y of (out, x, y)."""


def _add_product(out: Array, x: Array, y: Array) -> None:
    out += x @ y


def _plus(total: Array | None, addend: Array | None) -> Array | None:
    """The sum of two arrays of one shape, either of which may be None."""
    return addend if total is None else total if addend is None else total + addend


@dataclass
class Tiles:
    """The rows of a problem, cut into tiles of samples, and the two passes over pairs of tiles.

    Args:
        problem: the rows, (B, D) each, with what belongs to them.
        scale2: the largest scale / ln 2, a number or 0-d.
        tile: the samples of a tile.
        shift: what all exponents have less (`gcl_spec.loss.tiled.shared_shift`); None where each
            row needs its own.
        xp: the Array API namespace of the arrays.
        cache_bytes: the memory for products of tiles that `sums` keeps for `gradients`.
        multiply: x @ y.
        add_product: out += x @ y, in place.
        forward_tile: that of `gcl_spec.loss.tiled.tile_softmax`, perhaps compiled.
        backward_tile: that of the same module, perhaps compiled.
        processes: the processes that share the work on this problem.
        scale_first: whether rows are scaled, of which there are fewer than products; they are not
            where `multiply` rounds them.
        cut: only pairs of a sample before this place with one from there on; None: all pairs.
        by_damp: whether gradients by the captions' features are wanted.
        own_step: the samples whose own logits are computed at a time; few fit into a processor's
            cache.
        scales: the scales of the blocks' places, as parts of the largest.
        layout: the static part of the problem; it is made here.
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
    scales: Scales = ONE
    layout: Layout = field(init=False)

    def __post_init__(self) -> None:
        self.layout = layout_of(self.problem)
        self._cache: dict[tuple[int, int], BlockMap] = {}
        size = self.problem.rows[0].shape[0]
        self._slices = slices_of(size, self.tile, self.cut)
        if self.layout.sigmoid:
            self.shift = 0.0  # sums of softplus are no logarithms

    def sums(self) -> RowSums:
        """The first pass: the sums of all rows, (K, B) each, on every process."""
        others: list[Array | LogSums | None] = [None] * len(self._slices)
        own: list[Own | None] = [None] * len(self._slices)
        for i, j, a, b in self._pairs():
            given = self._products(i, j, a, b)
            tile_sums = self.forward_tile(
                given, a, b, self.layout, i == j, self.shift, self.xp, self.scales
            )
            others[i] = self._add(others[i], tile_sums.others_a)
            own[i] = add_own(own[i], tile_sums.own_a, self.xp)
            if i != j:
                others[j] = self._add(others[j], tile_sums.others_b)
                own[j] = add_own(own[j], tile_sums.own_b, self.xp)
        return RowSums(self._all_others(others), self._all_own(own))

    def gradients(self, derivatives: Derivatives) -> Gradients:
        """The second pass: the gradients, of the shapes of what they are by.

        Args:
            derivatives: the derivatives of the loss by the sums of `sums`, (K, B) each.
        """
        xp, layout = self.xp, self.layout
        rows = [xp.zeros_like(x) for x in self.problem.rows]
        mix: list[Array | None] = [None] * len(self._slices)
        log_scale, shift = self._by_place(), self._by_place()
        damp = xp.zeros_like(self.problem.damp) if self.by_damp else None
        cut = [
            Weights(*(unstack(w[:, at], xp) for w in derivatives.weights)) for at in self._slices
        ]
        for i, j, a, b in self._pairs():
            given = self._products(i, j, a, b, last=True)
            tile_grads = self.backward_tile(
                given, cut[i], cut[j], a, b, layout, i == j, self.shift, xp, self.scales
            )
            self._add_rows(tile_grads.products, rows, self.problem.rows, i, j)
            if damp is not None:
                self._add_rows({(0, 0): tile_grads.damp}, (damp,), (self.problem.damp,), i, j)
            mix[i] = _plus(mix[i], tile_grads.mix_a)
            mix[j] = _plus(mix[j], tile_grads.mix_b)
            log_scale = log_scale + xp.astype(tile_grads.log_scale, xp.float64)
            if tile_grads.shift is not None:
                shift = shift + xp.astype(tile_grads.shift, xp.float64)
        by_all = self._gathered(rows, self._joined_mix(mix), log_scale, derivatives.factor)
        factor = derivatives.factor
        if self.scales.shifts is not None:
            by_all = by_all._replace(shift=self._sum(shift * factor))
        if damp is None:
            return by_all
        return by_all._replace(damp=self._sum(damp * xp.astype(factor, damp.dtype)))

    def _by_place(self) -> Array:
        """Zeros for the gradients by the scales or shifts, (S,), or (), in float64."""
        zero = self.xp.zeros_like(self.problem.rows[0][0, 0], dtype=self.xp.float64)
        return self.xp.stack([zero] * len(self.scales.ratios)) if self.layout.family else zero

    def _side(self, at: slice) -> Side:
        """The rows of a slice of T samples, (T, D) each, with what belongs to them."""
        problem, xp, present = self.problem, self.xp, self.problem.present
        mix = () if problem.mix is None else unstack(problem.mix[:, :, at], xp)
        return Side(
            z=tuple(x[at, :] for x in problem.rows),
            mix=tuple(unstack(factors, xp) for factors in mix) or None,
            present=None if present is None else xp.astype(present[:, at], problem.rows[0].dtype),
            ids=None if problem.ids is None else problem.ids[at],
            damp=None if problem.damp is None else problem.damp[at, :],
        )

    def _pairs(self) -> Iterator[tuple[int, int, Side, Side]]:
        """The pairs of tiles that this process computes; the first side's rows are scaled."""
        sides = [self._side(at) for at in self._slices]
        for i, others in self._turns():
            rows = [x * self.scale2 for x in sides[i].z] if self.scale_first else sides[i].z
            a = sides[i]._replace(z=self.xp.concat(rows))
            for j in others:
                yield i, j, a, sides[j]

    def _turns(self) -> Iterator[tuple[int, list[int]]]:
        """The tiles, each with those that it is paired with, that this process computes."""
        return turns_of(self._slices, self.cut, self.processes)

    def _joined(self, tile_arrays: Sequence[Array | None], start: float, dtype: Any) -> Array:
        """The tiles' (K, T) as one array, (K, B); it is `start` where this process had no tiles.

        The dtype is given, because a process may have no tile that could tell it to the others.
        """
        xp, where = self.xp, device(self.problem.rows[0])
        shapes = [(len(self.layout.blocks), at.stop - at.start) for at in self._slices]
        return xp.concat(
            [
                xp.full(shape, start, dtype=dtype, device=where) if x is None else x
                for shape, x in zip(shapes, tile_arrays, strict=True)
            ],
            axis=1,
        )

    def _all_others(self, tile_sums: Sequence[Any]) -> LogSums:
        """The log-sums over other samples' rows, (K, B), from those of the tiles."""
        if self.shift is None:
            return self._all_logs(tile_sums)
        return self._shifted(self._joined(tile_sums, 0.0, self.xp.float64))

    def _shifted(self, total: Array) -> LogSums:
        """The log-sums, (K, B), of this process's sums of exp2(logit - shift), added over all."""
        total = self._sum(total)
        if self.layout.sigmoid:
            return LogSums(total / LN2, self.xp.zeros_like(total))
        return LogSums(self.xp.full_like(total, self.shift), log2_sum(total, self.xp))

    def _all_own(self, tile_sums: Sequence[Own | None]) -> Own:
        """The sums over positives, (K, B): from tiles, or of each sample with itself alone."""
        if not self.layout.positives and self.cut is None:
            xp, scale2 = self.xp, self.scale2
            options: Any = {"step": self.own_step, "ratios": self.scales.ratios}
            return own_sums(self.problem, scale2, xp, dtype=xp.float64, **options)
        dtype = self.problem.rows[0].dtype
        linear, count = (
            self._sum(self._joined([None if x is None else x[i] for x in tile_sums], 0.0, dtype))
            for i in (1, 2)
        )
        logs = [None if x is None else x.logs for x in tile_sums]
        return Own(self._all_logs(logs), linear, count)

    def _all_logs(self, tile_logs: Sequence[LogSums | None]) -> LogSums:
        """The log-sums of the tiles, (K, B), added over all processes."""
        dtype, none = self.problem.rows[0].dtype, -self.xp.inf
        parts = ([None if x is None else x[i] for x in tile_logs] for i in (0, 1))
        logs = LogSums(*(self._joined(part, none, dtype) for part in parts))
        if self.processes is None:
            return logs
        return log_sum_over(logs, self.processes.max, self.processes.sum, self.xp)

    def _products(self, i: int, j: int, a: Side, b: Side, last: bool = False) -> BlockMap:
        """The scaled products of two sides, (Ta, Tb) each; in the last pass nothing is kept."""
        if (i, j) in self._cache:
            return self._cache.pop((i, j)) if last else self._cache[i, j]
        dot_products = products(a, b, self.layout, self.xp, self.multiply)
        if not self.scale_first:
            dot_products = {at: x * self.scale2 for at, x in dot_products.items()}
        if not last and self._takes(sum(x.shape[0] * x.shape[1] for x in dot_products.values())):
            self._cache[i, j] = dot_products
        return dot_products

    def _takes(self, numbers: int) -> bool:
        """Whether the cache has room for so many numbers; if so, the room is taken."""
        size = numbers * self.xp.finfo(self.problem.rows[0].dtype).bits // 8
        if size > self.cache_bytes:
            return False
        self.cache_bytes -= size
        return True

    def _add(self, total: Any, addend: Any) -> Any:
        """The tile's sums, (K, T), in float64, or logarithms of sums, added to the total."""
        if self.shift is None:
            return addend if total is None else log_add(total, addend, self.xp)
        return self.xp.astype(addend, self.xp.float64) if total is None else total + addend

    def _add_rows(
        self, d: BlockMap, into: Sequence[Array], given: Sequence[Array], i: int, j: int
    ) -> None:
        """Add G x_b to the gradient by x_a, (Ta, D), and of two different tiles G^T x_a to x_b's.

        The scale is multiplied with the whole sum.
        """
        at_a, at_b = self._slices[i], self._slices[j]
        for (c, k), block in d.items():
            self.add_product(into[c][at_a, :], block, given[k][at_b, :])
            if i != j:
                transposed = self.xp.matrix_transpose(block)
                self.add_product(into[k][at_b, :], transposed, given[c][at_a, :])

    def _joined_mix(self, tile_grads: Sequence[Array | None]) -> Array | None:
        """The tiles' gradients by factors of mixed rows as one array, (F, 1, B) or (F, 2, B)."""
        if self.problem.mix is None:
            return None
        zeros = [self.xp.zeros_like(self.problem.mix[:, :, at]) for at in self._slices]
        mix = [z if x is None else x for x, z in zip(tile_grads, zeros, strict=True)]
        return self.xp.concat(mix, axis=2)

    def _gathered(
        self, rows: Sequence[Array], by_mix: Any, log_scale: Array, factor: Array
    ) -> Gradients:
        """The gradients, (B, D) by rows, with all factors, added over all processes."""
        xp = self.xp
        for x in rows:
            x *= xp.astype(self.scale2 * LN2 * factor, x.dtype)
        if by_mix is not None:
            by_mix = self._sum(by_mix * xp.astype(LN2 * factor, by_mix.dtype))
            if self.layout.factors == 1:
                by_mix = by_one_factor(by_mix, self.problem.mix, xp)
        by_rows = tuple(self._sum(x) for x in rows)
        return Gradients(by_rows, by_mix, self._sum(log_scale * factor))

    def _sum(self, x: Array) -> Array:
        """The sum over processes, of any shape."""
        return x if self.processes is None else self.processes.sum(x)
