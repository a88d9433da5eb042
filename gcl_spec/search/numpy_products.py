"""Products by NumPy, for a search without a framework."""

from collections.abc import Sequence

import numpy as np

from gcl_spec._typing import FloatArray, IntArray
from gcl_spec.chunk_products import ChunkProducts, at_least

__all__ = ["NumpyMultiplier"]


class NumpyMultiplier:
    """Products on the CPU, by the BLAS that NumPy was built with."""

    def products(
        self, blocks_QD: Sequence[FloatArray], /, *, rows: int, device: str | None
    ) -> ChunkProducts:
        """Products of these queries, (Q, D) each, in memory that is used again."""
        return _NumpyProducts(blocks_QD, rows)


class _NumpyProducts:
    def __init__(self, blocks_QD: Sequence[FloatArray], rows: int) -> None:
        self._blocks_QD = blocks_QD
        size = max(len(block_QD) for block_QD in blocks_QD) * rows
        self._product = np.empty(size, np.float32)
        self._rows_CD = blocks_QD[0][:0]

    def take(self, rows_CD: FloatArray, /) -> None:
        self._rows_CD = rows_CD

    def product(self, block: int, /) -> FloatArray:
        block_QD = self._blocks_QD[block]
        shape = len(block_QD), len(self._rows_CD)
        out_QC = self._product[: shape[0] * shape[1]].reshape(shape)
        return np.matmul(block_QD, self._rows_CD.T, out=out_QC)

    def at_least(self, block: int, least_Q: FloatArray, /) -> IntArray:
        return at_least(self.product(block), least_Q)
