"""The memory of PyTorch's tiles, as views by tile and by band, which are made once.

A *band* is some samples of a tile with all of another. Its matrix of logits holds the blocks of
every two modalities, and is small enough that a few of them stay in a processor's second cache from
one operation to the next. Products of matrices, which are faster where they are larger, are of
whole tiles.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import torch

__all__ = ["Band", "Matrix", "TilePair", "Workspace", "bands_of"]

_BAND = 3 * 2**17
"""The largest number of entries of all matrices of a band: in float32 they are 1.5 MB."""

_PAD = 16
"""The numbers between rows: rows a power of 2 apart are in each other's way in a cache."""


def bands_of(size: int, kinds: int, columns: int, matrices: int) -> list[slice]:
    """The bands of a tile: its samples in parts as alike as can be.

    Args:
        size: the samples of the tile, 1 or more.
        kinds: the number M of modalities.
        columns: the samples of the largest tile that the bands meet.
        matrices: the number of matrices of each band that are worked on.

    >>> bands_of(100, 3, 384, 3)
    [slice(0, 33, None), slice(33, 66, None), slice(66, 100, None)]
    """
    height = max(1, _BAND // (matrices * kinds * kinds * columns))
    count = -(-size // height)
    return [slice(a, b) for a, b in pairwise(size * k // count for k in range(count + 1))]


class Workspace:
    """Memory by name, which every pair of tiles uses again.

    Args:
        like: a tensor of any shape, of the dtype and on the device to compute with.
        kinds: the number M of modalities.
        given: the number C of kinds of rows that are given.
        slots: the number Q of slots (`gcl_torch.loss.stacked_layers`).
        layers: the number L of layers.
        matrices: the number of matrices of a band.
    """

    def __init__(
        self, like: torch.Tensor, kinds: int, given: int, slots: int, layers: int, matrices: int
    ) -> None:
        self.kinds, self.given, self.matrices = kinds, given, matrices
        self.slots, self.layers, self._like = slots, layers, like
        self._memory: dict[str, torch.Tensor] = {}
        self._pairs: dict[tuple[int, int], TilePair] = {}
        self._matrices: dict[tuple[int, int], list[Matrix]] = {}

    def of_band(self, h: int, b: int) -> "list[Matrix]":
        """The matrices, (M h, M Tb) each, of a band of h samples with a tile of b."""
        if (h, b) not in self._matrices:
            height, width = self.kinds * h, self.kinds * b
            self._matrices[h, b] = [
                Matrix(self.take(f"matrix {k}", height, width, pad=_PAD), self.kinds, self.given)
                for k in range(self.matrices)
            ]
        return self._matrices[h, b]

    def take(self, name: str, *shape: int, pad: int = 0) -> torch.Tensor:
        """A tensor of any shape in the memory of this name, with `pad` numbers behind each row."""
        *rows, width = shape
        size = prod(rows) * (width + pad)
        if name not in self._memory or self._memory[name].numel() < size:
            self._memory[name] = self._like.new_empty(size)
        return self._memory[name][:size].view(*rows, width + pad)[..., :width]

    def pair(self, a: int, b: int, bands: Sequence[slice]) -> "TilePair":
        """The views for two tiles, of a samples in these bands, and of b samples."""
        if (a, b) not in self._pairs:
            self._pairs[a, b] = TilePair(self, a, b, bands)
        return self._pairs[a, b]


class Matrix:
    """Views of a band's matrix over the rows of h and of Tb samples, C of whose M kinds are given.

    Args:
        memory: the whole matrix, shape (M h, M Tb).
        kinds: the number M of modalities.
        given: the number C.
    """

    def __init__(self, memory: torch.Tensor, kinds: int, given: int) -> None:
        self.all = memory
        """The whole matrix, (M h, M Tb)."""
        height, width = memory.shape
        h, b = height // kinds, width // kinds
        by_rows = memory.view(kinds, h, width)
        self.blocks = memory.view(kinds, h, kinds, b)
        """The blocks of two modalities, (M, h, M, Tb)."""
        self.given = by_rows[:given, :, : given * b]
        """The entries of two given rows, (C, h, C Tb)."""
        self.mixed_rows = by_rows[given:]
        """The rows of mixed modalities, (F, h, M Tb) with F = M - C."""
        self.mixed_columns = memory[: given * h, given * b :]
        """The columns of mixed modalities in given rows, (C h, F Tb)."""
        self.all_mixed_columns = memory[:, given * b :]
        """The columns of mixed modalities, (M h, F Tb)."""
        self.rows = by_rows.unbind()
        """The rows of every modality, (h, M Tb) each."""
        self.columns = torch.split(memory, b, dim=1)
        """The columns of every modality, (M h, Tb) each."""
        self.columns_of_given = torch.split(memory[: given * h], b, dim=1)
        """The same in given rows, (C h, Tb) each."""
        self.rows_of_given = by_rows[:, :, : given * b].unbind()
        """The rows of every modality in given columns, (h, C Tb) each."""

    def own(self, at: slice) -> torch.Tensor:
        """The entries of each of h samples with itself, (M, M, h), where they are columns `at`."""
        return self.blocks[..., at].diagonal(dim1=1, dim2=3)


class Band:
    """A band of a pair of tiles: its matrices, and its parts of what the pair has.

    Args:
        space: the memory.
        pair: the pair of tiles.
        number: the place of the band in its tile.
        at: the h samples of the band.
    """

    def __init__(self, space: Workspace, pair: "TilePair", number: int, at: slice) -> None:
        self.number, self.at = number, at
        self.matrices = space.of_band(at.stop - at.start, pair.b)
        """Matrices of (M h, M Tb)."""
        self.products = pair.products.view(space.given, pair.a, -1)[:, at]
        """The products of given rows, (C, h, C Tb)."""
        self.d_products = [x[at] for x in pair.d_products.chunk(space.given)]
        """The gradient by the products of each kind of given rows, (h, C Tb) each."""
        self.row_sums = pair.row_sums[:, :, at].unbind()
        """The sums of the rows of blocks, (M, h, M) for each slot."""
        self.column_sums = pair.column_sums[number].unbind()
        """The sums of the columns of blocks, (M, M, Tb) for each slot."""
        self.mixed_rows = pair.mixed_rows[:, at]
        """Sums of mixed rows, (F, h)."""
        self.mixed_columns = pair.mixed_columns[number]
        """Sums of mixed columns, (F Tb,)."""
        self.by_scales = pair.by_scales[number].unbind()
        """The gradient by the scale of every block, (M, M) for each layer."""
        self.by_shifts = pair.by_shifts[number].unbind()
        """The gradient by the shift of every block, (M, M) for each layer."""


class TilePair:
    """Memory for two tiles, and its bands.

    Args:
        space: the memory.
        a: the samples of the first tile, Ta.
        b: the samples of the second, Tb.
        bands: the bands of the first.
    """

    def __init__(self, space: Workspace, a: int, b: int, bands: Sequence[slice]) -> None:
        kinds, given, count = space.kinds, space.given, len(bands)
        self.a, self.b = a, b
        self.products = space.take("products", given * a, given * b, pad=_PAD)
        """The products of given rows, (C Ta, C Tb)."""
        self.d_products = space.take("d_products", given * a, given * b, pad=_PAD)
        """The gradient by these products, of the same shape."""
        self.row_sums = space.take("rows", space.slots, kinds, a, kinds)
        """The sums of the rows of blocks, (Q, M, Ta, M)."""
        self.column_sums = space.take("columns", count, space.slots, kinds, kinds, b)
        """The sums of the columns of blocks, (Q, M, M, Tb) for each band."""
        self.mixed_rows = space.take("mixed rows", kinds - given, a)
        """Sums of mixed rows, (F, Ta)."""
        self.mixed_columns = space.take("mixed columns", count, (kinds - given) * b)
        """Sums of mixed columns, (F Tb,) for each band."""
        self.by_scales = space.take("by scales", count, space.layers, kinds, kinds)
        """The gradients by the scales of all blocks, (L, M, M) for each band."""
        self.by_shifts = space.take("by shifts", count, space.layers, kinds, kinds)
        """The gradients by the shifts of all blocks, (L, M, M) for each band."""
        self.bands = [Band(space, self, number, at) for number, at in enumerate(bands)]
        """The bands."""
