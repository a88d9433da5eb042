"""Tiles on a CPU, in place: all blocks of a band of a pair of tiles are one matrix.

The arithmetic is that of `gcl_spec.loss.tiled.tile_softmax`, whose head has the equations, for the
batches that are most common: every modality is contrasted with every other and with itself, and one
shift serves all exponentials. A step of it is one operation on one matrix, where PyTorch would
otherwise start one for every block and allocate its result, and the matrices of a band
(`gcl_torch.loss.stacked_matrices`) stay in a processor's second cache.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch

from gcl_spec.loss.problem import Problem
from gcl_spec.loss.tiled.loop import Tiles
from gcl_spec.loss.tiled.pull_back import Gradients
from gcl_spec.loss.tiled.row_sums import Derivatives, RowSums
from gcl_spec.loss.tiled.tile_logits import LN2, layout_of
from gcl_torch.loss.stacked_layers import Layers, PlaceGrads
from gcl_torch.loss.stacked_matrices import Band, Matrix, TilePair, Workspace, bands_of

__all__ = ["StackedTiles"]

_LAYERS = 4
"""The largest number of scales of a block for which this is faster than blocks one by one."""


class _Factor(NamedTuple):
    """The factors of a tile's mixed rows, for the columns or the rows of a matrix."""

    columns: torch.Tensor
    """The factors as they multiply columns, (T,)."""
    rows: tuple[torch.Tensor, ...]
    """The factors as they multiply the rows of each band, (h, 1)."""


class StackedTiles(Tiles):
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

    def __post_init__(self) -> None:
        super().__post_init__()
        problem, self._kinds = self.problem, len(self.layout.parts)
        self._sizes = [at.stop - at.start for at in self._slices]
        largest = max(self._sizes)
        self._bands = [bands_of(size, self._kinds, largest) for size in self._sizes]
        self._layers = Layers(self.layout, self.scales, problem.rows[0])
        self._mixed = [p for p in self.layout.parts if not isinstance(p, int)]
        cut = zip(*self._cut(*problem.rows, dim=0), strict=True)
        # One block of memory: many would leave holes that nothing larger fits into.
        self._z = self._by_tiles(torch.cat([x for kinds in cut for x in kinds]))
        self._factors: list[list[_Factor]] = [[] for _ in self._sizes]
        if problem.mix is not None:
            for i, mix in enumerate(torch.split(problem.mix[:, 0], self._sizes, dim=1)):
                parts = [tuple(w[at, None] for at in self._bands[i]) for w in mix]
                self._factors[i] = [_Factor(*x) for x in zip(mix, parts, strict=True)]

    def _cut(self, *x: torch.Tensor, dim: int) -> list[tuple[torch.Tensor, ...]]:
        """The views of each array's samples along an axis, tile by tile."""
        return [torch.split(y, self._sizes, dim) for y in x]

    def _by_tiles(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The views (C T, D) of the rows of every tile, kind after kind, of those of all."""
        return torch.split(x, [self.layout.rows * size for size in self._sizes])

    def sums(self) -> RowSums:
        """The first pass: the sums of all rows, (K, B) each."""
        like, kinds, layers = self.problem.rows[0], self._kinds, self._layers
        shape = (layers.count, kinds, kinds, len(like))
        others = like.new_zeros(shape, dtype=torch.float64)
        (others_of,) = self._cut(others, dim=3)
        last = layers.count - 1
        for i, j, pair in self._walk(2 if last else 1):
            for band in pair.bands:
                s = band.matrices[0]
                self._fill(s, band, i, j)
                for layer in range(layers.count):
                    e = s if layer == last else band.matrices[1]
                    self._exponentials(layer, s, e, i, j, band.at)
                    self._drop_absent(e, i, j, band.at)
                    torch.sum(e.blocks, 3, out=band.row_sums[layer])
                    if i != j:
                        torch.sum(e.blocks, 1, out=band.column_sums[layer])
            others_of[i].add_(pair.row_sums.mT)  # (L, M, Ta, M) -> layer, query, pool, sample
            if i != j:
                of_bands = pair.column_sums.sum(0, dtype=torch.float64)
                others_of[j].add_(of_bands.transpose(1, 2))
        by_block = layers.of_blocks(others)
        return RowSums(self._shifted(by_block), self._all_own([None] * len(self._sizes)))

    def gradients(self, derivatives: Derivatives) -> Gradients:
        """The second pass: the gradients, (B, D) by rows, from the derivatives by sums, (K, B)."""
        like, weights, layers = self.problem.rows[0], derivatives.weights, self._layers
        mix = None if self.problem.mix is None else torch.zeros_like(self.problem.mix)
        mix_of = [] if mix is None else torch.split(mix[:, 0], self._sizes, 1)
        by_rows = self._by_tiles(like.new_zeros(self.layout.rows * len(like), like.shape[1]))
        place_grads = PlaceGrads(layers, self.scales, self._sizes, like)
        (others_of,) = self._cut(layers.by_layers(weights.others), dim=3)
        by_row = [
            [w.mT[:, :, at, :, None].contiguous().unbind() for at in bands]
            for w, bands in zip(others_of, self._bands, strict=True)
        ]
        by_column = [w.transpose(1, 2)[:, :, None].contiguous().unbind() for w in others_of]
        mean = layers.by_pairs(weights.mean)
        (own_of,) = self._cut(mean + mean.transpose(0, 1), dim=2)
        for i, j, pair in self._walk(3 if layers.count == 1 else 4, last=True):
            for band in pair.bands:
                s, _, d, *_ = band.matrices
                self._fill(s, band, i, j)
                self._d_logits(band, by_row[i][band.number], by_column[j], place_grads, i, j)
                if i == j:
                    place_grads.keep_own(s.own(band.at), i, band.at)
                    d.own(band.at).copy_(own_of[i][..., band.at])
                if mix_of:
                    self._sum_mix(s, d, band, i == j)
                self._fold(d, band, i, j)
            place_grads.add(pair, 0.5 if i == j else 1.0)
            by_rows[i].addmm_(pair.d_products, self._z[j])
            if i != j:
                by_rows[j].addmm_(pair.d_products.mT, self._z[i])
            if mix_of:
                mix_of[i].add_(pair.mixed_rows)
                if i != j:
                    mix_of[j].add_(pair.mixed_columns.sum(0).view_as(mix_of[j]))
        by_scales = place_grads.by_scales(weights.mean, lambda: self._by_log_scale(by_rows))
        self._z = ()  # so that the rows by kinds need no memory of their own
        rows = self._by_kinds(by_rows)
        by_all = self._gathered(rows, mix, by_scales, derivatives.factor)
        if self.scales.shifts is None:
            return by_all
        return by_all._replace(shift=self._sum(place_grads.by_shifts() * derivatives.factor))

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
            by_row: the weights of the sums of the rows, (M, h, M, 1) for each layer.
            by_column: the weights of the sums of the columns, (M, 1, M, Tb) for each layer.
            place_grads: the gradients by scales and shifts, to which this adds.
            i: the tile of the rows.
            j: the tile of the columns.
        """
        s, e, p, *more = band.matrices
        for layer in range(self._layers.count):
            d = more[0] if layer else p
            self._exponentials(layer, s, e, i, j, band.at, last=True)
            torch.add(by_row[layer], by_column[layer], out=d.blocks)
            if layer and not place_grads.wants(layer):
                p.all.addcmul_(d.all, e.all)
                continue
            d.all.mul_(e.all)
            if self.layout.sigmoid:
                self._drop_absent(d, i, j, band.at)
            place_grads.write(layer, band, d, s, e)
            if layer:
                p.all.add_(d.all)

    def _by_log_scale(self, by_rows: Sequence[torch.Tensor]) -> torch.Tensor:
        """The gradient by log_scale, (), from those by the rows of the tiles, (C T, D) each.

        Logits are bilinear in the rows, so it is half the sum of the rows times their gradients.
        """
        total = by_rows[0].new_zeros((), dtype=torch.float64)
        for x, d in zip(self._z, by_rows, strict=True):
            total += (x * d).sum(dtype=torch.float64)
        return total * (0.5 * LN2 * self.scale2)

    def _walk(self, matrices: int, last: bool = False) -> Iterator[tuple[int, int, TilePair]]:
        """The pairs of tiles, each with its memory, which has the products of its given rows.

        Args:
            matrices: the number of matrices of a band.
            last: whether this is the second pass.
        """
        like, given, sizes = self.problem.rows[0], self.layout.rows, self._sizes
        space = Workspace(like, self._kinds, given, self._layers.count, matrices)
        for i, others in self._turns():
            scaled = self._z[i] * self.scale2
            for j in others:
                pair = space.pair(sizes[i], sizes[j], self._bands[i])
                kept = self._cache.pop((i, j), None) if last else None
                if kept is None:
                    torch.mm(scaled, self._z[j].mT, out=pair.products)
                else:
                    pair.products.copy_(kept[0, 0])
                if not last and self._takes(pair.products.numel()):
                    self._cache[i, j] = {(0, 0): pair.products.clone()}
                yield i, j, pair

    def _exponentials(
        self, layer: int, s: Matrix, e: Matrix, i: int, j: int, at: slice, last: bool = False
    ) -> None:
        """Fill `e` with a layer's exponentials of the logits `s`, and 0 for what is no negative."""
        less = 0.0 if self.shift is None else self.shift
        self._layers.fill(layer, s.blocks, e.blocks, less, last=last)
        self._drop_alike(e, i, j, at)

    def _fill(self, s: Matrix, band: Band, i: int, j: int) -> None:
        """Fill `s` with a band's logits: of given rows, and of mixed ones from those."""
        s.given.copy_(band.products)
        given, columns = self.layout.rows, s.columns_of_given
        for m, (c, k) in enumerate(self._mixed, given):
            factor = self._factors[j][m - given].columns
            torch.add(columns[c], columns[k], out=columns[m]).mul_(factor)
        for m, (c, k) in enumerate(self._mixed, given):
            factor = self._factors[i][m - given].rows[band.number]
            torch.add(s.rows[c], s.rows[k], out=s.rows[m]).mul_(factor)

    def _drop_alike(self, e: Matrix, i: int, j: int, at: slice) -> None:
        """Set the terms of the own sample, and of samples with the same id, to 0."""
        if self.problem.ids is not None:
            a, b = self.problem.ids[self._slices[i]][at], self.problem.ids[self._slices[j]]
            e.blocks.mul_((a[:, None] != b)[None, :, None, :])
        elif i == j:
            e.own(at).zero_()

    def _drop_absent(self, e: Matrix, i: int, j: int, at: slice) -> None:
        """Set the terms of rows that are not present to 0."""
        present = self.problem.present
        if present is not None:
            a, b = present[:, self._slices[i]][:, at].flatten(), present[:, self._slices[j]]
            e.all.mul_(a[:, None]).mul_(b.flatten())

    def _sum_mix(self, s: Matrix, d: Matrix, band: Band, same: bool) -> None:
        """Write the gradient by the factors of a band's mixed rows, times these factors.

        It is the sum over such a row of d loss / d logit times logit. This overwrites the logits.

        Args:
            s: the logits.
            d: the gradient by them.
            band: the band, with memory for the sums.
            same: whether both tiles are one, whose mixed columns are its mixed rows.
        """
        s.mixed_rows.mul_(d.mixed_rows)
        torch.sum(s.mixed_rows, 2, out=band.mixed_rows)
        if not same:
            s.mixed_columns.mul_(d.mixed_columns)
            torch.sum(s.all_mixed_columns, 0, out=band.mixed_columns)

    def _fold(self, d: Matrix, band: Band, i: int, j: int) -> None:
        """Write the gradient by a band's products of given rows, from `d`, that by all logits.

        Args:
            d: the gradient by all logits of the band, which is used up.
            band: the band, with memory for the gradient.
            i: the tile of the rows.
            j: the tile of the columns.
        """
        given, into = self.layout.rows, band.d_products
        for m, parts in enumerate(self._mixed, given):
            factor = self._factors[j][m - given].columns
            for c in parts:
                d.columns[c].addcmul_(d.columns[m], factor)
        starts = list(d.rows_of_given[:given])
        for m, parts in enumerate(self._mixed, given):
            factor = self._factors[i][m - given].rows[band.number]
            for c in parts:
                torch.addcmul(starts[c], d.rows_of_given[m], factor, out=into[c])
                starts[c] = into[c]
        for start, target in zip(starts, into, strict=True):
            if start is not target:
                target.copy_(start)
