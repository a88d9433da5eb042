"""The products of a search in JAX: `gcl_spec.chunk_products.ChunkProducts`."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from gcl_spec._typing import FloatArray, IntArray
from gcl_spec.chunk_products import at_least

__all__ = ["JaxProducts"]


class JaxProducts:
    """Products of blocks of queries with chunks of rows, compiled once for one shape of chunk.

    On a CPU NumPy makes the comparison of `at_least`, in the memory of the product.

    Args:
        blocks_QD: blocks of queries, (Q, D) float32 each.
        rows: no chunk has more rows; smaller ones are filled up with zeros.
        device: where to compute.
    """

    def __init__(self, blocks_QD: Sequence[FloatArray], *, rows: int, device: jax.Device) -> None:
        self._device = device
        self._blocks_QD = [jax.device_put(block_QD, device) for block_QD in blocks_QD]
        self._shape = rows, blocks_QD[0].shape[1]
        self._rows_CD = self._blocks_QD[0]
        self._count = 0

    def take(self, rows_CD: FloatArray, /) -> None:
        """Hold a chunk of rows, (C, D) float32."""
        self._count = len(rows_CD)
        if rows_CD.shape != self._shape:
            filled_CD = np.zeros(self._shape, np.float32)
            filled_CD[: self._count] = rows_CD
            rows_CD = filled_CD
        self._rows_CD = jax.device_put(rows_CD, self._device)

    def product(self, block: int, /) -> jax.Array:
        """The product of a block with the rows, (Q, C), when it is computed."""
        product_QC: jax.Array = _product(self._blocks_QD[block], self._rows_CD)
        if self._count < self._shape[0]:
            product_QC = product_QC[:, : self._count]
        return product_QC.block_until_ready()

    def at_least(self, block: int, least_Q: FloatArray, /) -> IntArray:
        """Ascending places, (N,), where the product is at least `least_Q`, (Q,)."""
        block_QD = self._blocks_QD[block]
        if self._device.platform == "cpu":
            product_QC = np.asarray(_product(block_QD, self._rows_CD))
            return at_least(product_QC[:, : self._count], least_Q)
        mask_QC = np.asarray(_at_least(block_QD, self._rows_CD, least_Q))
        return np.flatnonzero(mask_QC[:, : self._count])


@jax.jit
def _product(queries_QD: jax.Array, rows_CD: jax.Array) -> jax.Array:
    # The highest precision keeps an accelerator from bfloat16 or TF32.
    highest = jax.lax.Precision.HIGHEST
    product_QC: jax.Array = jnp.matmul(queries_QD, rows_CD.T, precision=highest)
    return product_QC


@jax.jit
def _at_least(queries_QD: jax.Array, rows_CD: jax.Array, least_Q: jax.Array) -> jax.Array:
    mask_QC: jax.Array = _product(queries_QD, rows_CD) >= least_Q[:, None]
    return mask_QC
