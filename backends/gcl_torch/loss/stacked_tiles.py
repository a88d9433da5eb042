"""Tiles on a CPU, in place: all blocks of a band of a pair of tiles are one matrix.

The arithmetic is that of `gcl_spec.loss.tiled.tile_softmax`, whose head has the equations, for the
batches that are most common: every modality is contrasted with every other and with itself, and one
shift serves all exponentials. A step of it is one operation on one matrix, where PyTorch would
otherwise start one for every block and allocate its result, and the matrices of a band
(`gcl_torch.loss.stacked_matrices`) stay in a processor's second cache.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from gcl_spec.loss.problem import Problem
from gcl_spec.loss.tiled.pull_back import Gradients
from gcl_spec.loss.tiled.row_sums import Derivatives, RowSums
from gcl_spec.loss.tiled.tile_logits import LN2, layout_of
from gcl_torch.loss.stacked_bands import StackedBands
from gcl_torch.loss.stacked_layers import Layers, PlaceGrads
from gcl_torch.loss.stacked_matrices import Band, TilePair

__all__ = ["StackedTiles", "TileGradients"]

_LAYERS = 4
"""The largest number of scales of a block for which this is faster than blocks one by one."""


class TileGradients(NamedTuple):
    """The gradients of all tiles, to which pairs of tiles add."""

    rows: tuple[torch.Tensor, ...]
    """The gradients by the rows, of shape (C T, D) for each tile."""
    mix: tuple[torch.Tensor, ...]
    """Those by the factors of mixed rows, times these, (F, T) each; none without such rows."""
    places: PlaceGrads
    """Those by the scales and the shifts."""


class StackedTiles(StackedBands):
    """The two passes of `gcl_spec.loss.tiled.loop.Tiles` for a problem that they `serve`."""

    @staticmethod
    def serve(problem: Problem, shift: float | None) -> bool:
        """Whether each block is asked for, with one shift, no damping and one positive a row."""
        layout = layout_of(problem)
        return (
            shift is not None
            and problem.damp is None
            and not layout.positives
            and layout.factors < 2
            and len(layout.pairs) == len(layout.parts) ** 2
            and layout.parts[: layout.rows] == tuple(range(layout.rows))
            and Layers.counted(layout) <= _LAYERS
        )

    def sums(self) -> RowSums:
        """The first pass: the sums of all rows, (K, B) each."""
        like, kinds, layers = self.problem.rows[0], self._kinds, self._layers
        shape = (layers.slots, kinds, kinds, len(like))
        others = like.new_zeros(shape, dtype=torch.float64)
        (others_of,) = self._cut(others, dim=3)
        last = layers.count - 1
        for i, j, pair in self._walk(2 if last else 1):
            for band in pair.bands:
                s = band.matrices[0]
                self._fill(s, band, i, j)
                for number, layer in enumerate(layers.every):
                    if i == j and not layer.rows:
                        continue
                    e = s if number == last else band.matrices[1]
                    self._exponentials(number, s, e, i, j, band.at)
                    self._drop_absent(e, i, j, band.at)
                    if layer.rows:
                        torch.sum(e.blocks, 3, out=band.row_sums[layer.slot])
                    if layer.columns and i != j:
                        torch.sum(e.blocks, 1, out=band.column_sums[layer.slot])
            self._add_sums(pair, others_of, i, j)
        return self._row_sums(others)

    def _add_sums(self, pair: TilePair, others: Sequence[torch.Tensor], i: int, j: int) -> None:
        """Add the sums of a pair of tiles, i and j, to those of all, (Q, M, M, T) for each tile."""
        others[i].add_(pair.row_sums.mT)  # (Q, M, Ta, M) -> slot, query, pool, sample
        if i != j:
            of_bands = pair.column_sums.sum(0, dtype=torch.float64)
            others[j].add_(of_bands.transpose(1, 2))

    def _row_sums(self, others: torch.Tensor) -> RowSums:
        """The sums of all rows, (K, B) each, from those of the slots, (Q, M, M, B)."""
        by_block = self._layers.of_blocks(others)
        return RowSums(self._shifted(by_block), self._all_own([None] * len(self._sizes)))

    def gradients(self, derivatives: Derivatives) -> Gradients:
        """The second pass: the gradients, (B, D) by rows, from the derivatives by sums, (K, B)."""
        weights, layers, grads = derivatives.weights, self._layers, self._no_gradients()
        (others_of,) = self._cut(layers.by_slots(weights.others), dim=3)
        matrices = 3 if layers.count == 1 else 4
        by_row = [
            [w.mT[:, :, at, :, None].contiguous().unbind() for at in bands]
            for w, bands in zip(others_of, self._bands(matrices), strict=True)
        ]
        by_column = [w.transpose(1, 2)[:, :, None].contiguous().unbind() for w in others_of]
        mean = layers.by_pairs(weights.mean)
        (own_of,) = self._cut(mean + mean.transpose(0, 1), dim=2)
        for i, j, pair in self._walk(matrices, last=True):
            for band in pair.bands:
                s, _, d, *_ = band.matrices
                self._fill(s, band, i, j)
                self._d_logits(band, by_row[i][band.number], by_column[j], grads.places, i, j)
                if i == j:
                    grads.places.keep_own(s.own(band.at), i, band.at)
                    d.own(band.at).copy_(own_of[i][..., band.at])
                self._pull_back(s, d, band, i, j)
            self._add_gradients(pair, grads, i, j)
        return self._all_gradients(derivatives, grads)

    def _no_gradients(self) -> TileGradients:
        """Gradients of 0."""
        like = self.problem.rows[0]
        rows = like.new_zeros(self.layout.rows * len(like), like.shape[1])
        return TileGradients(
            self._by_tiles(rows),
            tuple(torch.zeros_like(x) for x in self._mix_of_tiles()),
            PlaceGrads(self._layers, self.scales, self._sizes, like),
        )

    def _add_gradients(self, pair: TilePair, grads: TileGradients, i: int, j: int) -> None:
        """Add the gradients of a pair of tiles, i and j, to those of all, (C T, D) by rows."""
        (rows, mix, places), same = grads, i == j
        places.add(pair, 0.5 if same else 1.0)
        rows[i].addmm_(pair.d_products, self._z[j])
        if not same:
            rows[j].addmm_(pair.d_products.mT, self._z[i])
        if mix:
            mix[i].add_(pair.mixed_rows)
            if not same:
                mix[j].add_(pair.mixed_columns.sum(0).view_as(mix[j]))

    def _all_gradients(self, derivatives: Derivatives, grads: TileGradients) -> Gradients:
        """The gradients, (B, D) by rows, from those of the tiles, with the derivatives' factor."""
        (rows, mix, places), factor = grads, derivatives.factor
        mean = derivatives.weights.mean
        by_scales = places.by_scales(mean, lambda: self._by_log_scale(rows))
        self._z = ()  # so that the rows by kinds need no memory of their own
        by_mix = torch.cat(mix, 1)[:, None] if mix else None
        by_all = self._gathered(self._by_kinds(rows), by_mix, by_scales, factor)
        if self.scales.shifts is None:
            return by_all
        return by_all._replace(shift=self._sum(places.by_shifts() * factor))

    def _by_kinds(self, rows: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """The rows of every kind, (B, D) each, of those of the tiles, (C T, D) each."""
        kinds = zip(*(x.chunk(self.layout.rows) for x in rows), strict=True)
        return [torch.cat(x) for x in kinds]

    def _d_logits(
        self,
        band: Band,
        by_row: Sequence[torch.Tensor],
        by_column: Sequence[torch.Tensor],
        place_grads: PlaceGrads,
        i: int,
        j: int,
    ) -> None:
        """Fill the third matrix with the gradient by the logits of negatives, which the first has.

        Args:
            band: a band, with one matrix more where there are several layers.
            by_row: the weights of the sums of the rows, (M, h, M, 1) for each slot.
            by_column: the weights of the sums of the columns, (M, 1, M, Tb) for each slot.
            place_grads: the gradients by scales and shifts, to which this adds.
            i: the tile of the rows.
            j: the tile of the columns.
        """
        s, e, p, *more = band.matrices
        for number, layer in enumerate(self._layers.every):
            d = more[0] if number else p
            self._exponentials(number, s, e, i, j, band.at, last=True)
            weight = (by_row if layer.rows else by_column)[layer.slot]
            if layer.rows and layer.columns:
                weight = torch.add(weight, by_column[layer.slot], out=d.blocks)
            if number and not place_grads.wants(number):
                p.blocks.addcmul_(weight, e.blocks)
                continue
            torch.mul(weight, e.blocks, out=d.blocks)
            if self.layout.sigmoid:
                self._drop_absent(d, i, j, band.at)
            place_grads.write(number, band, d, s, e)
            if number:
                p.all.add_(d.all)

    def _by_log_scale(self, by_rows: Sequence[torch.Tensor]) -> torch.Tensor:
        """The gradient by log_scale, (), from those by the rows of the tiles, (C T, D) each.

        Logits are bilinear in the rows, so it is half the sum of the rows times their gradients.
        """
        total = by_rows[0].new_zeros((), dtype=torch.float64)
        for x, d in zip(self._z, by_rows, strict=True):
            total += (x * d).sum(dtype=torch.float64)
        return total * (0.5 * LN2 * self.scale2)
