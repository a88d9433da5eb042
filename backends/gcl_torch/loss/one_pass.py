"""A sigmoid's loss and its gradients in one pass over tiles, in PyTorch on a CPU.

The terms softplus(x) of a sigmoid's loss (SigLIP, arXiv 2303.15343) are added without a logarithm,
so that the gradient by a logit of negatives is g sigmoid(x), where g is the sum of the weights of
its row and its column. In a mean over all rows that weight is one number for the whole batch, and
can be multiplied in the end: what the first pass has of a tile, its logits and u = exp(x), is all
that the gradients need, with

    softplus(x) = log(1 + u)        sigmoid(x) = u / (1 + u).

Where weights turn out to differ, the second pass of `gcl_torch.loss.stacked_tiles` is made.
"""

from typing import NamedTuple

import torch

from gcl_spec.loss.problem import Problem
from gcl_spec.loss.tiled.pull_back import Gradients
from gcl_spec.loss.tiled.row_sums import Derivatives, RowSums
from gcl_torch.loss.stacked_layers import PlaceGrads
from gcl_torch.loss.stacked_matrices import Band
from gcl_torch.loss.stacked_tiles import StackedTiles

__all__ = ["OnePassTiles"]


class _Unit(NamedTuple):
    """The gradients where every weight is 1, of negatives alone, for each tile."""

    by_rows: tuple[torch.Tensor, ...]
    """By the rows, (C T, D) each."""
    mix: tuple[torch.Tensor, ...]
    """By the factors of mixed rows, times these factors, (F, T) each; empty without such rows."""
    place_grads: PlaceGrads
    """By the shift."""
    diagonal: list[int]
    """The tiles that this process has paired with themselves, whose positives it adds."""


class OnePassTiles(StackedTiles):
    """Tiles whose first pass has the gradients, too, of a problem that they `serve`."""

    @staticmethod
    def serve(problem: Problem, shift: float | None) -> bool:
        """Whether it is a sigmoid's, with one scale, of rows that are all present."""
        one = problem.sigmoid and not problem.places and problem.present is None
        return one and StackedTiles.serve(problem, shift)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.cache_bytes = 0  # a second pass is rare: no product is kept for it
        self._unit: _Unit | None = None

    def sums(self) -> RowSums:
        """The sums of all rows, (K, B) each; the gradients are kept."""
        like, kinds = self.problem.rows[0], self._kinds
        others = like.new_zeros((1, kinds, kinds, len(like)), dtype=torch.float64)
        (others_of,) = self._cut(others, dim=3)
        unit = _Unit(
            self._by_tiles(like.new_zeros(self.layout.rows * len(like), like.shape[1])),
            tuple(torch.zeros_like(x) for x in self._mix_of_tiles()),
            PlaceGrads(self._layers, self.scales, self._sizes, like),
            [],
        )
        for i, j, pair in self._walk(3):
            if i == j:
                unit.diagonal.append(i)
            for band in pair.bands:
                s, _, d = band.matrices
                self._fill(s, band, i, j)
                self._terms(band, i, j)
                unit.place_grads.write(0, band, d, s, s)
                if unit.mix:
                    self._sum_mix(s, d, band, i == j)
                self._fold(d, band, i, j)
            self._add_sums(pair, others_of, i, j)
            unit.place_grads.add(pair, 0.5 if i == j else 1.0)
            self._add_gradients(pair, unit.by_rows, unit.mix, i, j)
        self._unit = unit
        return self._row_sums(others)

    def gradients(self, derivatives: Derivatives) -> Gradients:
        """The gradients, (B, D) by rows, from the derivatives by sums, (K, B)."""
        weights, unit = derivatives.weights, self._unit
        self._unit = None
        weight = weights.others[0, 0]
        if unit is None or not bool((weights.others == weight).all()):
            return super().gradients(derivatives)
        for x in (*unit.by_rows, *unit.mix):
            x.mul_(2 * weight)  # that of the row, and that of the column
        unit.place_grads.scale(2 * weight)
        self._add_own(unit, self._layers.by_pairs(weights.mean))
        return self._all_gradients(derivatives, unit.by_rows, unit.mix, unit.place_grads)

    def _terms(self, band: Band, i: int, j: int) -> None:
        """Write a band's sums of softplus(x), and fill the third matrix with sigmoid(x)."""
        s, u, d = band.matrices
        self._layers.exponentials(0, s.blocks, u.blocks)
        self._drop_alike(u, i, j, band.at)
        torch.log1p(u.all, out=d.all)
        torch.sum(d.blocks, 3, out=band.row_sums[0])
        if i != j:
            torch.sum(d.blocks, 1, out=band.column_sums[0])
        torch.add(u.all, 1.0, out=d.all)
        torch.div(u.all, d.all, out=d.all)

    def _add_own(self, unit: _Unit, mean: torch.Tensor) -> None:
        """Add the gradients of positives, each sample's logits with itself, to those of negatives.

        They are derived here: with D the gradient by the logits of a sample's own rows, those by
        its given rows are D times these rows once a mixed row is folded into its parts.

        Args:
            unit: the gradients of negatives, to which this adds.
            mean: the weights of positives, (M, M, B).
        """
        (own_of,) = self._cut(mean + mean.transpose(0, 1), dim=2)
        given = self.layout.rows
        for i in unit.diagonal:
            d, z = own_of[i].clone(), self._z[i].view(given, self._sizes[i], -1)
            factors = [x.columns for x in self._factors[i]]
            if unit.mix:
                s = self._own_logits(z, factors)
                unit.mix[i].add_((s * d)[given:].sum(1))
            for m, ((c, k), f) in enumerate(zip(self._mixed, factors, strict=True), given):
                for part in (c, k):
                    d[:, part].addcmul_(d[:, m], f)
            for m, ((c, k), f) in enumerate(zip(self._mixed, factors, strict=True), given):
                for part in (c, k):
                    d[part].addcmul_(d[m], f)
            by_rows = unit.by_rows[i].view_as(z)
            for c in range(given):
                for k in range(given):
                    by_rows[c].addcmul_(z[k], d[c, k, :, None])

    def _own_logits(self, z: torch.Tensor, factors: list[torch.Tensor]) -> torch.Tensor:
        """The logits of the own rows of T samples, (M, M, T), from given rows, (C, T, D)."""
        given = self.layout.rows
        s = z.new_empty(self._kinds, self._kinds, z.shape[1])
        for c in range(given):
            for k in range(given):
                s[c, k] = self.scale2 * (z[c] * z[k]).sum(1)
        for m, ((c, k), f) in enumerate(zip(self._mixed, factors, strict=True), given):
            s[:given, m] = (s[:given, c] + s[:given, k]) * f
        for m, ((c, k), f) in enumerate(zip(self._mixed, factors, strict=True), given):
            s[m] = (s[c] + s[k]) * f
        return s
