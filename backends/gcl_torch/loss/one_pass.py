"""A sigmoid's loss and its gradients in one pass over tiles, in PyTorch on a CPU.

The terms softplus(x) of a sigmoid's loss (SigLIP, arXiv 2303.15343) are added without a logarithm,
so that the gradient by a logit of negatives is g sigmoid(x), where g is the sum of the weights of
its row and its column. In a mean over all rows that weight is one number for the whole batch, and
can be multiplied in the end: what the first pass has of a tile, its logits and u = exp(x), is all
that the gradients need, with

    softplus(x) = log(1 + u)        sigmoid(x) = u / (1 + u).

Where weights turn out to differ, the second pass of `gcl_torch.loss.stacked_tiles` is made.
"""

import torch

from gcl_spec.loss.problem import Problem
from gcl_spec.loss.tiled.pull_back import Gradients
from gcl_spec.loss.tiled.row_sums import Derivatives, RowSums
from gcl_torch.loss.stacked_matrices import Band
from gcl_torch.loss.stacked_tiles import StackedTiles, TileGradients

__all__ = ["OnePassTiles"]


class OnePassTiles(StackedTiles):
    """Tiles whose first pass has the gradients, too, of a problem that they `serve`."""

    @staticmethod
    def serve(problem: Problem, shift: float | None) -> bool:
        """Whether it is a sigmoid's, with one scale, of rows that are all present.

        Each block must be asked for in both orders: the weights of a row and of a column are added.
        """
        one = problem.sigmoid and not problem.places and problem.present is None
        every = len({*problem.blocks}) == len(problem.parts) ** 2
        return one and every and StackedTiles.serve(problem, shift)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.cache_bytes = 0  # a second pass is rare: no product is kept for it
        self._ahead: tuple[TileGradients, torch.Tensor] | None = None

    def sums(self) -> RowSums:
        """The sums of all rows, (K, B) each; the gradients by negatives of weight 1 are kept."""
        like, kinds = self.problem.rows[0], self._kinds
        others = like.new_zeros((1, kinds, kinds, len(like)), dtype=torch.float64)
        (others_of,) = self._cut(others, dim=3)
        unit = self._no_gradients()
        for i, j, pair in self._walk(3):
            for band in pair.bands:
                s, _, d = band.matrices
                self._fill(s, band, i, j)
                self._terms(band, i, j)
                unit.places.write(0, band, d, s, s)
                self._pull_back(s, d, band, i, j)
            self._add_sums(pair, others_of, i, j)
            self._add_gradients(pair, unit, i, j)
        sums = self._row_sums(others)
        self._ahead = unit, sums.own.linear
        return sums

    def gradients(self, derivatives: Derivatives) -> Gradients:
        """The gradients, (B, D) by rows, from the derivatives by sums, (K, B)."""
        weights, ahead = derivatives.weights, self._ahead
        self._ahead = None
        weight = weights.others[0, 0]
        if ahead is None or not bool((weights.others == weight).all()):
            return super().gradients(derivatives)
        unit, own = ahead
        for x in (*unit.rows, *unit.mix):
            x.mul_(2 * weight)  # that of the row, and that of the column
        unit.places.scale(2 * weight)
        by_pairs = self._layers.by_pairs
        self._add_own(unit, by_pairs(weights.mean), by_pairs(own.to(weight.dtype)))
        return self._all_gradients(derivatives, unit)

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

    def _add_own(self, grads: TileGradients, mean: torch.Tensor, own: torch.Tensor) -> None:
        """Add the gradients of positives, each sample's logits with itself, to those of negatives.

        They are derived here: with D the gradient by the logits of a sample's own rows, those by
        its given rows are D times these rows once a mixed row is folded into its parts.

        Args:
            grads: the gradients of negatives, to which this adds.
            mean: the weights of positives, (M, M, B).
            own: their logits, of the same shape.
        """
        given = self.layout.rows
        d_of, s_of = self._cut(mean + mean.transpose(0, 1), own, dim=2)
        for i, others in self._turns():
            if i not in others:  # another process has paired this tile with itself
                continue
            d, z = d_of[i], self._z[i].view(given, self._sizes[i], -1)
            if grads.mix:
                grads.mix[i].add_((s_of[i] * d)[given:].sum(1))
            for side in (d.transpose(0, 1), d):
                for m, (c, k) in enumerate(self._mixed, given):
                    for part in (c, k):
                        side[part].addcmul_(side[m], self._factors[i][m - given].columns)
            by_rows = torch.einsum("ckt,ktd->ctd", d[:given, :given], z)
            grads.rows[i].add_(by_rows.flatten(0, 1))
