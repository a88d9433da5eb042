"""Which exponentials of a matrix of logits are taken, and whose sums they are part of.

A matrix of logits holds each block (m, n) once, but several of the asked blocks may be made of it:
that of query m and pool n by its rows, that of query n and pool m by its columns, each at several
scales (`gcl_spec.loss.tiled.scales`). A *slot* has one scale for every query and pool: the sums of
its rows are those of one matrix of exponentials, a *layer*, and so are the sums of its columns.
Where the scale of (m, n) is that of (n, m) it is the same layer, else there are two.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from gcl_spec.loss.tiled.scales import Scales
from gcl_spec.loss.tiled.tile_logits import LN2, Key, Layout
from gcl_torch.loss.stacked_matrices import Band, Matrix, TilePair

__all__ = ["Layers", "PlaceGrads"]


class Layer(NamedTuple):
    """One matrix of exponentials."""

    slot: int
    """The slot whose sums it is for."""
    rows: bool
    """Whether the sums of its rows are wanted."""
    columns: bool
    """Whether the sums of its columns are wanted."""
    at: tuple[int, ...]
    """The place of the scale of each block, M x M of them; -1 where there is none."""


def _slot_of(layout: Layout) -> dict[Key, int]:
    """The slot of every key: the number of its block's keys that come before it."""
    keys = layout.keys
    return {key: sum(k[:2] == key[:2] and k < key for k in keys) for key in keys}


def _slots_of(layout: Layout) -> list[list[int]]:
    """The places of each slot, M x M; -1 where a block has none there."""
    kinds, slot_of = len(layout.parts), _slot_of(layout)
    slots = [[-1] * kinds**2 for _ in range(1 + max(slot_of.values()))]
    for (m, n, c), slot in slot_of.items():
        slots[slot][m * kinds + n] = c
    return slots


def _layers_of(slots: Sequence[Sequence[int]], kinds: int) -> list[Layer]:
    """The layers of all slots, whose places are given, M x M for each."""
    layers = []
    for slot, at in enumerate(slots):
        turned = [at[n * kinds + m] for m in range(kinds) for n in range(kinds)]
        if all(x == y or min(x, y) < 0 for x, y in zip(at, turned, strict=True)):
            layers.append(Layer(slot, True, True, tuple(map(max, at, turned))))
        else:
            layers.append(Layer(slot, True, False, tuple(at)))
            layers.append(Layer(slot, False, True, tuple(turned)))
    return layers


class Layers:
    """The layers of a layout whose every block is asked for.

    Args:
        layout: the static part of a problem.
        scales: the scales of the blocks' places.
        like: a tensor of any shape, of the dtype and on the device to compute with.
    """

    def __init__(self, layout: Layout, scales: Scales, like: torch.Tensor) -> None:
        self.kinds = kinds = len(layout.parts)
        """The number M of modalities."""
        slots = _slots_of(layout)
        self.slots = len(slots)
        """The number Q of slots."""
        self.every = _layers_of(slots, kinds)
        """The layers."""
        self.count = len(self.every)
        """The number L of layers."""
        self.places, self._sigmoid = len(scales.ratios), layout.sigmoid
        slot_of = _slot_of(layout)
        used = [(slot_of[m, n, c] * kinds + m) * kinds + n for m, n, c in layout.keys]
        self._used = torch.tensor(used, device=like.device)
        self._at = torch.tensor([layer.at for layer in self.every], device=like.device)
        self._places = torch.tensor([c for _, _, c in layout.keys], device=like.device)
        self._factors = [self._numbers(scales.ratios, layer.at, like) for layer in self.every]
        shifts = scales.shifts
        self._shifts = (
            None
            if shifts is None
            else [self._numbers(shifts, layer.at, like) for layer in self.every]
        )
        self._natural_shifts = [
            LN2 * torch.as_tensor(x, dtype=like.dtype) for x in self._shifts or ()
        ]
        by_block = [scales.ratios[c] for _, _, c in layout.keys]
        self._ratios = torch.tensor(by_block, dtype=like.dtype, device=like.device)[:, None]

    @staticmethod
    def counted(layout: Layout) -> int:
        """The number of layers of a layout."""
        return len(_layers_of(_slots_of(layout), len(layout.parts)))

    def fill(
        self, layer: int, s: torch.Tensor, e: torch.Tensor, less: float, *, last: bool
    ) -> None:
        """Make a layer's exponentials of the logits; for a sigmoid, its terms or their derivatives.

        Args:
            layer: the number of the layer.
            s: the logits, (M, Ta, M, Tb), in units of ln 2.
            e: the tensor that is filled, of the same shape.
            less: the shift of exponents.
            last: whether this is the second pass, which wants the derivatives.
        """
        if self._sigmoid and last:
            x = self._at_scale(layer, s, e)
            if self._shifts is None:
                torch.mul(x, LN2, out=e).sigmoid_()
            else:
                torch.add(self._natural_shifts[layer], x, alpha=LN2, out=e).sigmoid_()
        elif less:
            torch.sub(self._at_scale(layer, s, e), less, out=e).exp2_()
        else:
            self.exponentials(layer, s, e)
            if self._sigmoid:
                e.log1p_()

    def exponentials(self, layer: int, s: torch.Tensor, e: torch.Tensor) -> None:
        """Fill `e` with the exponentials of a layer's shifted logits.

        Args:
            layer: the number of the layer.
            s: the logits, (M, Ta, M, Tb), in units of ln 2.
            e: the tensor that is filled, of the same shape.
        """
        x = self._at_scale(layer, s, e)
        if self._shifts is not None:
            x = torch.add(x, self._shifts[layer], out=e)
        torch.exp2(x, out=e)

    def _at_scale(self, layer: int, s: torch.Tensor, e: torch.Tensor) -> torch.Tensor:
        """The logits `s` at the scale of a layer, (M, Ta, M, Tb), in `e` where that differs."""
        factor = self._factors[layer]
        if isinstance(factor, float) and factor == 1.0:
            return s
        return torch.mul(s, factor, out=e)

    def of_blocks(self, sums: torch.Tensor) -> torch.Tensor:
        """The sums of the asked blocks, (K, B), from those of all slots, (Q, M, M, B)."""
        return sums.flatten(0, 2)[self._used]

    def by_slots(self, weights: torch.Tensor) -> torch.Tensor:
        """Weights of the asked blocks, (K, B), times their scales' ratios: (Q, M, M, B)."""
        by_slot = weights.new_zeros(self.slots, self.kinds, self.kinds, weights.shape[1])
        by_slot.flatten(0, 2)[self._used] = self.scaled(weights)
        return by_slot

    def scaled(self, x: torch.Tensor) -> torch.Tensor:
        """Numbers of the asked blocks, (K, B), times their scales as parts of the largest."""
        return x if self.places == 1 else x * self._ratios

    def by_pairs(self, weights: torch.Tensor) -> torch.Tensor:
        """Weights of the asked blocks, (K, B), times the scales, summed over these: (M, M, B)."""
        by_pair = weights.new_zeros(self.kinds**2, weights.shape[1])
        by_pair.index_add_(0, self._used % self.kinds**2, self.scaled(weights))
        return by_pair.view(self.kinds, self.kinds, -1)

    def alone(self, layer: int) -> int | None:
        """The place of all blocks of a layer, if no other layer has it; None otherwise."""
        of_layers = [{*at.tolist()} for at in self._at]
        of_layer = of_layers.pop(layer)
        alone = len(of_layer) == 1 and of_layer.isdisjoint(set().union(*of_layers))
        return of_layer.pop() if alone else None

    def by_places(self, by_layer: torch.Tensor) -> torch.Tensor:
        """Sums of the matrices' blocks, (L, M, M), as those of the places, (S,)."""
        sums = by_layer.new_zeros(self.places + 1)
        return sums.index_add_(0, self._at.flatten() + 1, by_layer.flatten())[1:]  # -1: no place

    def own_by_places(self, by_block: torch.Tensor) -> torch.Tensor:
        """Sums of the asked blocks, (K,), as those of the places, (S,)."""
        sums = by_block.new_zeros(self.places)
        return sums.index_add_(0, self._places, by_block)

    def of_pairs(self, x: torch.Tensor) -> torch.Tensor:
        """The numbers of the asked blocks, (K, B), picked from those of the pairs, (M, M, B)."""
        return x.flatten(0, 1)[self._used % self.kinds**2]

    def _numbers(
        self, values: tuple[float, ...], at: Sequence[int], like: torch.Tensor
    ) -> torch.Tensor | float:
        """The numbers of a layer's blocks, (M, 1, M, 1); one where all are the same."""
        numbers = [values[place] for place in at]
        used = {values[place] for place in at if place >= 0}
        if len(used) == 1:
            return float(used.pop())
        every = torch.tensor(numbers, dtype=like.dtype, device=like.device)
        return every.view(self.kinds, 1, self.kinds, 1)


class PlaceGrads:
    """The gradients by the scales and the shifts of the layers' places.

    Args:
        layers: the layers.
        scales: the scales of the places.
        sizes: the samples of each tile.
        like: a tensor of any shape, of the dtype of logits.
    """

    def __init__(
        self, layers: Layers, scales: Scales, sizes: list[int], like: torch.Tensor
    ) -> None:
        shape = (layers.count, layers.kinds, layers.kinds)
        self._layers, self._scales = layers, scales
        self._by_scales = like.new_zeros(shape, dtype=torch.float64)
        self._by_shifts = torch.zeros_like(self._by_scales)
        self._own = like.new_zeros(layers.kinds, layers.kinds, sum(sizes))
        self._own_of = torch.split(self._own, sizes, dim=2)
        last = layers.count - 1
        self._derived = layers.alone(last) if last else None
        """The place of the last layer, if the sum over all places tells its gradient."""
        one = layers.places == 1
        self._summed = 0 if one else layers.count - (self._derived is not None)
        """The number of layers whose blocks' gradients by scales are summed."""

    def wants(self, layer: int) -> bool:
        """Whether a layer's own gradient by logits is wanted."""
        return layer < self._summed or self._scales.shifts is not None

    def write(self, layer: int, band: Band, d: Matrix, s: Matrix, e: Matrix) -> None:
        """Write what the negatives of a band give, into its memory.

        Args:
            layer: the number of a layer.
            band: the band.
            d: the gradient by the logits of its negatives.
            s: these logits.
            e: a matrix that is overwritten.
        """
        if layer < self._summed:
            torch.mul(d.all, s.all, out=e.all)
            torch.sum(e.blocks, (1, 3), out=band.by_scales[layer])
        if self._scales.shifts is not None:
            torch.sum(d.blocks, (1, 3), out=band.by_shifts[layer])

    def add(self, pair: TilePair, part: float) -> None:
        """Add what was written for all bands of a pair of tiles, times a factor."""
        if self._summed:
            by_scales = pair.by_scales[:, : self._summed].sum(0, dtype=torch.float64)
            self._by_scales[: self._summed].add_(by_scales, alpha=part)
        if self._scales.shifts is not None:
            self._by_shifts.add_(pair.by_shifts.sum(0, dtype=torch.float64), alpha=part)

    def scale(self, weight: torch.Tensor) -> None:
        """Multiply all that was added by a number, shape ()."""
        self._by_scales.mul_(weight)
        self._by_shifts.mul_(weight)

    def keep_own(self, logits: torch.Tensor, i: int, at: slice) -> None:
        """Keep the logits of own samples, (M, M, h), which are those `at` places of tile i."""
        if self._layers.places > 1:
            self._own_of[i][..., at].copy_(logits)

    def by_scales(self, mean: torch.Tensor, total: Callable[[], torch.Tensor]) -> torch.Tensor:
        """The gradient by the logarithms of the scales, (S,), or () where there is one.

        Args:
            mean: the weights of positives, (K, B).
            total: the function of the sum of the gradients by all scales, shape ().
        """
        layers = self._layers
        if layers.places == 1:
            return total()
        own = (layers.scaled(mean) * layers.of_pairs(self._own)).sum(1, dtype=torch.float64)
        by_scales = LN2 * (layers.by_places(self._by_scales) + layers.own_by_places(own))
        if self._derived is not None:
            by_scales[self._derived] = 0.0
            by_scales[self._derived] = total() - by_scales.sum()
        return by_scales

    def by_shifts(self) -> torch.Tensor:
        """The gradient by the shifts, (S,)."""
        ratios = torch.tensor(self._scales.ratios, dtype=torch.float64)
        return self._layers.by_places(self._by_shifts) / ratios.to(self._by_shifts.device)
