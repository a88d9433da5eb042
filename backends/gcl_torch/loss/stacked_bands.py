"""What is done to one band of a pair of tiles: its logits, what is dropped, and the way back.

The equations stand in the head of `gcl_spec.loss.tiled.tile_softmax`; here a step is one operation
on one matrix. `gcl_torch.loss.stacked_tiles` has the two passes over all bands.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch

from gcl_spec.loss.tiled.loop import Tiles
from gcl_torch.loss.stacked_layers import Layers
from gcl_torch.loss.stacked_matrices import Band, Matrix, TilePair, Workspace, bands_of

__all__ = ["StackedBands"]


class _Factor(NamedTuple):
    """The factors of a tile's mixed rows, for the columns or the rows of a matrix."""

    columns: torch.Tensor
    """The factors as they multiply columns, (T,)."""
    rows: torch.Tensor
    """The factors as they multiply rows, (T, 1)."""


class StackedBands(Tiles):
    """The rows of a problem, stacked for each tile, and the pairs of tiles with their bands."""

    def __post_init__(self) -> None:
        super().__post_init__()
        problem, self._kinds = self.problem, len(self.layout.parts)
        self._sizes = [at.stop - at.start for at in self._slices]
        self._layers = Layers(self.layout, self.scales, problem.rows[0])
        self._mixed = [p for p in self.layout.parts if not isinstance(p, int)]
        cut = zip(*self._cut(*problem.rows, dim=0), strict=True)
        # One block of memory: many would leave holes that nothing larger fits into.
        self._z = self._by_tiles(torch.cat([x for kinds in cut for x in kinds]))
        self._factors: list[list[_Factor]] = [[] for _ in self._sizes]
        if problem.mix is not None:
            self._factors = [[_Factor(w, w[:, None]) for w in x] for x in self._mix_of_tiles()]

    def _cut(self, *x: torch.Tensor, dim: int) -> list[tuple[torch.Tensor, ...]]:
        """The views of each array's samples along an axis, tile by tile."""
        return [torch.split(y, self._sizes, dim) for y in x]

    def _by_tiles(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The views (C T, D) of the rows of every tile, kind after kind, of those of all."""
        return torch.split(x, [self.layout.rows * size for size in self._sizes])

    def _mix_of_tiles(self) -> tuple[torch.Tensor, ...]:
        """The factors of mixed rows, (F, T) for each tile; none where no row is mixed."""
        mix = self.problem.mix
        return () if mix is None else torch.split(mix[:, 0], self._sizes, 1)

    def _bands(self, matrices: int) -> list[list[slice]]:
        """The bands of every tile, for passes that work on so many matrices of each."""
        largest = max(self._sizes)
        return [bands_of(size, self._kinds, largest, matrices) for size in self._sizes]

    def _walk(self, matrices: int, last: bool = False) -> Iterator[tuple[int, int, TilePair]]:
        """The pairs of tiles, each with its memory, which has the products of its given rows.

        Args:
            matrices: the number of matrices of a band.
            last: whether this is the second pass.
        """
        bands = self._bands(matrices)
        like, given, sizes = self.problem.rows[0], self.layout.rows, self._sizes
        slots, layers = self._layers.slots, self._layers.count
        space = Workspace(like, self._kinds, given, slots, layers, matrices)
        for i, others in self._turns():
            scaled = self._z[i] * self.scale2
            for j in others:
                pair = space.pair(sizes[i], sizes[j], bands[i])
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
            factor = self._factors[i][m - given].rows[band.at]
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

    def _pull_back(self, s: Matrix, d: Matrix, band: Band, i: int, j: int) -> None:
        """Write a band's gradients by factors of mixed rows, times these, and by given products.

        That by the factor of a row is the sum over the row of d loss / d logit times logit.

        Args:
            s: the logits of the band, which are used up.
            d: the gradient by them, which is used up.
            band: the band, with memory for the gradients.
            i: the tile of the rows.
            j: the tile of the columns.
        """
        if self._mixed:
            s.mixed_rows.mul_(d.mixed_rows)
            torch.sum(s.mixed_rows, 2, out=band.mixed_rows)
            if i != j:
                s.mixed_columns.mul_(d.mixed_columns)
                torch.sum(s.all_mixed_columns, 0, out=band.mixed_columns)
        self._fold(d, band, i, j)

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
            factor = self._factors[i][m - given].rows[band.at]
            for c in parts:
                torch.addcmul(starts[c], d.rows_of_given[m], factor, out=into[c])
                starts[c] = into[c]
        for start, target in zip(starts, into, strict=True):
            if start is not target:
                target.copy_(start)
