"""Tiles on a CPU, in place: all blocks of a pair of tiles are one matrix in reused memory.

The arithmetic is that of `gcl_spec.loss.tiled.tile_softmax`, whose head has the equations, for the
batches that are most common: every modality is contrasted with every other and with itself, and one
shift serves all exponentials. A step of it is one operation on one matrix, where PyTorch would
otherwise start one for every block and allocate its result.
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

__all__ = ["StackedTiles"]

_LAYERS = 4
"""The largest number of scales of a block for which this is faster than blocks one by one."""

_PAD = 16
"""The numbers between rows: rows a power of 2 apart are in each other's way in a cache."""


class _Matrix:
    """Views of one matrix over the rows of Ta and of Tb samples, C of whose M kinds are given."""

    def __init__(self, memory: torch.Tensor, kinds: int, given: int, a: int, b: int) -> None:
        width = kinds * b + _PAD
        self.all = memory[: kinds * a * width].view(kinds * a, width)[:, : kinds * b]
        """The whole matrix, (M Ta, M Tb)."""
        self.blocks = self.all.view(kinds, a, kinds, b)
        """The blocks of two modalities, (M, Ta, M, Tb)."""
        self.diagonal = self.blocks.diagonal(dim1=1, dim2=3)
        """The entries of each sample with itself, (M, M, T)."""
        self.given = self.all[: given * a, : given * b]
        """The entries of two given rows, (C Ta, C Tb)."""
        self.mixed_rows = self.all[given * a :]
        """The rows of mixed modalities, (F Ta, M Tb) with F = M - C."""
        self.mixed_columns = self.all[: given * a, given * b :]
        """The columns of mixed modalities in given rows, (C Ta, F Tb)."""
        self.all_mixed_columns = self.all[:, given * b :]
        """The columns of mixed modalities, (M Ta, F Tb)."""
        self.rows = torch.split(self.all, a)
        """The rows of every modality, (Ta, M Tb) each."""
        self.columns = torch.split(self.all[: given * a], b, dim=1)
        """The columns of every modality, (C Ta, Tb) each, in the other side's given rows."""
        self.given_rows = torch.split(self.given, a)
        """The given rows of every kind, (Ta, C Tb) each."""
        self.given_columns = [x.mT for x in torch.split(self.given, b, dim=1)]
        """The given columns of every kind, transposed, (Tb, C Ta) each."""


class _Factor(NamedTuple):
    """The factors of a tile's mixed rows, for the columns or the rows of a matrix."""

    columns: torch.Tensor
    """The factors as they multiply columns, (T,)."""
    rows: torch.Tensor
    """The factors as they multiply rows, (T, 1)."""


class _Matrices:
    """A few matrices in memory that every pair of tiles uses again."""

    def __init__(
        self, like: torch.Tensor, kinds: int, given: int, sizes: Sequence[int], count: int
    ) -> None:
        self._kinds, self._given = kinds, given
        side = kinds * max(sizes)
        self._memory = [like.new_empty(side * (side + _PAD)) for _ in range(count)]
        self._views: dict[tuple[int, int], list[_Matrix]] = {}

    def __call__(self, a: int, b: int) -> list[_Matrix]:
        """The matrices, (M a, M b) each, for tiles of a and of b samples."""
        if (a, b) not in self._views:
            shape = (self._kinds, self._given, a, b)
            self._views[a, b] = [_Matrix(memory, *shape) for memory in self._memory]
        return self._views[a, b]


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
        self._layers = Layers(self.layout, self.scales, problem.rows[0])
        self._mixed = [p for p in self.layout.parts if not isinstance(p, int)]
        cut = zip(*self._cut(*problem.rows, dim=0), strict=True)
        # One block of memory: many would leave holes that nothing larger fits into.
        z = torch.cat([x for kinds in cut for x in kinds])
        self._z = torch.split(z, [self.layout.rows * size for size in self._sizes])
        self._factors: list[list[_Factor]] = [[] for _ in self._sizes]
        if problem.mix is not None:
            mix = torch.split(problem.mix, self._sizes, dim=2)
            self._factors = [[_Factor(w, w[:, None]) for w in x[:, 0]] for x in mix]

    def _cut(self, *x: torch.Tensor, dim: int) -> list[tuple[torch.Tensor, ...]]:
        """The views of each array's samples along an axis, tile by tile."""
        return [torch.split(y, self._sizes, dim) for y in x]

    def sums(self) -> RowSums:
        """The first pass: the sums of all rows, (K, B) each."""
        like, kinds, layers = self.problem.rows[0], self._kinds, self._layers
        shape = (layers.count, kinds, kinds, len(like))
        others = like.new_zeros(shape, dtype=torch.float64)
        (others_of,) = self._cut(others, dim=3)
        for i, j, (s, e) in self._walk(2):
            for layer in range(layers.count):
                self._exponentials(layer, s, e, i, j)
                self._drop_absent(e, i, j)
                others_of[i][layer].add_(e.blocks.sum(3).mT)  # (M, Ta, M) -> query, pool, sample
                if i != j:
                    others_of[j][layer].add_(e.blocks.sum(1).transpose(0, 1))
        by_block = layers.of_blocks(others)
        return RowSums(self._shifted(by_block), self._all_own([None] * len(self._sizes)))

    def gradients(self, derivatives: Derivatives) -> Gradients:
        """The second pass: the gradients, (B, D) by rows, from the derivatives by sums, (K, B)."""
        rows = [torch.zeros_like(x) for x in self.problem.rows]
        mix = None if self.problem.mix is None else torch.zeros_like(self.problem.mix)
        rows_of = self._cut(*rows, dim=0)
        mix_of = [] if mix is None else torch.split(mix, self._sizes, 2)
        weights, layers = derivatives.weights, self._layers
        place_grads = PlaceGrads(layers, self.scales, self._sizes, rows[0])
        (others_of,) = self._cut(layers.by_layers(weights.others), dim=3)
        by_row = [w.mT[..., None].contiguous() for w in others_of]
        by_column = [w.transpose(1, 2)[:, :, None].contiguous() for w in others_of]
        mean = layers.by_pairs(weights.mean)
        (own_of,) = self._cut(mean + mean.transpose(0, 1), dim=2)
        for i, j, matrices in self._walk(3 if layers.count == 1 else 4, last=True):
            s, p = matrices[0], matrices[2]
            self._d_logits(matrices, by_row[i], by_column[j], place_grads, i, j)
            if i == j:
                place_grads.keep_own(s.diagonal, i)
                p.diagonal.copy_(own_of[i])
            if mix_of:
                self._add_mix(mix_of, s, p, i, j)
            self._fold(p, i, j)
            for c, x in enumerate(rows_of):
                x[i].addmm_(p.given_rows[c], self._z[j])
                if i != j:
                    x[j].addmm_(p.given_columns[c], self._z[i])
        by_scales = place_grads.by_scales(weights.mean, self._by_log_scale(rows))
        by_all = self._gathered(rows, mix, by_scales, derivatives.factor)
        if self.scales.shifts is None:
            return by_all
        return by_all._replace(shift=self._sum(place_grads.by_shifts() * derivatives.factor))

    def _d_logits(
        self,
        matrices: Sequence[_Matrix],
        by_row: torch.Tensor,
        by_column: torch.Tensor,
        place_grads: PlaceGrads,
        i: int,
        j: int,
    ) -> None:
        """Fill the third matrix with the gradient by the logits of negatives, which the first has.

        Args:
            matrices: that of the logits, and two more to use; three more where there are several
                layers.
            by_row: the weights of the sums of the rows, (L, M, Ta, M, 1).
            by_column: the weights of the sums of the columns, (L, M, 1, M, Tb).
            place_grads: the gradients by scales and shifts, to which this adds.
            i: the tile of the rows.
            j: the tile of the columns.
        """
        s, e, p, *more = matrices
        for layer in range(self._layers.count):
            d = more[0] if layer else p
            self._exponentials(layer, s, e, i, j, last=True)
            torch.add(by_row[layer], by_column[layer], out=d.blocks)
            d.all.mul_(e.all)
            if self.layout.sigmoid:
                self._drop_absent(d, i, j)
            place_grads.add(layer, d.blocks, s.blocks, e.blocks, 0.5 if i == j else 1.0)
            if layer:
                p.all.add_(d.all)

    def _by_log_scale(self, rows: Sequence[torch.Tensor]) -> torch.Tensor:
        """The gradient by log_scale, ().

        Logits are bilinear in the rows, so it is half the sum of the rows times their gradients.
        """
        total = rows[0].new_zeros((), dtype=torch.float64)
        cut = zip(self._cut(*self.problem.rows, dim=0), self._cut(*rows, dim=0), strict=True)
        for x, d in (pair for tiles in cut for pair in zip(*tiles, strict=True)):
            total += (x * d).sum(dtype=torch.float64)
        return total * (0.5 * LN2 * self.scale2)

    def _walk(self, count: int, last: bool = False) -> Iterator[tuple[int, int, list[_Matrix]]]:
        """The pairs of tiles, each with `count` matrices to use; the first holds the logits."""
        like = self.problem.rows[0]
        matrices = _Matrices(like, self._kinds, self.layout.rows, self._sizes, count)
        for i, others in self._turns():
            scaled = self._z[i] * self.scale2
            for j in others:
                views = matrices(self._sizes[i], self._sizes[j])
                self._fill(views[0], scaled, i, j, last)
                yield i, j, views

    def _exponentials(
        self, layer: int, s: _Matrix, e: _Matrix, i: int, j: int, last: bool = False
    ) -> None:
        """Fill `e` with a layer's exponentials of the logits `s`, and 0 for what is no negative."""
        less = 0.0 if self.shift is None else self.shift
        self._layers.fill(layer, s.blocks, e.blocks, less, last=last)
        self._drop_alike(e, i, j)

    def _fill(self, s: _Matrix, scaled: torch.Tensor, i: int, j: int, last: bool) -> None:
        """Fill `s` with the logits: of given rows by a product, of mixed rows from their parts'."""
        given, products = self.layout.rows, self._cache.pop((i, j), None) if last else None
        if products is not None:
            s.given.copy_(products[0, 0])
        else:
            torch.mm(scaled, self._z[j].mT, out=s.given)
            if not last and self._takes(s.given.numel()):
                self._cache[i, j] = {(0, 0): s.given.clone()}
        for m, (c, k) in enumerate(self._mixed, given):
            torch.add(s.columns[c], s.columns[k], out=s.columns[m]).mul_(self._factor(j, m).columns)
        for m, (c, k) in enumerate(self._mixed, given):
            torch.add(s.rows[c], s.rows[k], out=s.rows[m]).mul_(self._factor(i, m).rows)

    def _factor(self, i: int, m: int) -> _Factor:
        """The factors of the rows of mixed modality m in tile i."""
        return self._factors[i][m - self.layout.rows]

    def _drop_alike(self, e: _Matrix, i: int, j: int) -> None:
        """Set the terms of the own sample, and of samples with the same id, to 0."""
        if self.problem.ids is not None:
            a, b = self.problem.ids[self._slices[i]], self.problem.ids[self._slices[j]]
            e.blocks.mul_((a[:, None] != b)[None, :, None, :])
        elif i == j:
            e.diagonal.zero_()

    def _drop_absent(self, e: _Matrix, i: int, j: int) -> None:
        """Set the terms of rows that are not present to 0."""
        present = self.problem.present
        if present is not None:
            a, b = (present[:, self._slices[k]].flatten() for k in (i, j))
            e.all.mul_(a[:, None]).mul_(b)

    def _add_mix(self, mix: Sequence[torch.Tensor], s: _Matrix, p: _Matrix, i: int, j: int) -> None:
        """Add the gradient by the factors of mixed rows, times these factors, for each tile.

        The gradient is the sum over such a row of d loss / d logit times logit. This overwrites the
        logits in `s`.
        """
        s.mixed_rows.mul_(p.mixed_rows)
        s.mixed_columns.mul_(p.mixed_columns)
        mix[i].add_(s.mixed_rows.sum(1).view_as(mix[i]))
        if i != j:
            mix[j].add_(s.all_mixed_columns.sum(0).view_as(mix[j]))

    def _fold(self, p: _Matrix, i: int, j: int) -> None:
        """Turn the gradient by all logits into that by the products of given rows, in place."""
        given = self.layout.rows
        for m, parts in enumerate(self._mixed, given):
            for c in parts:
                p.rows[c].addcmul_(p.rows[m], self._factor(i, m).rows)
        for m, parts in enumerate(self._mixed, given):
            for c in parts:
                p.columns[c].addcmul_(p.columns[m], self._factor(j, m).columns)
