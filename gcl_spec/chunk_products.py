"""The products of queries with chunks of rows: all that exact search asks of a framework.

`gcl_spec.search` decides what is found; a framework only multiplies and compares. See
`gcl_spec.search.bounds` for what the numbers of a product must be like.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from gcl_spec._typing import Array, FloatArray, IntArray

__all__ = ["ChunkProducts", "Multiplier"]


@runtime_checkable
class ChunkProducts(Protocol):
    """The products of fixed blocks of queries with one chunk of rows after the other."""

    def take(self, rows_CD: FloatArray, /) -> None:
        """Hold these rows, (C, D) float32, until the next call; the caller then overwrites them."""

    def product(self, block: int, /) -> Array:
        """The inner products of a block's queries with the rows, (Q, C) float32, once computed.

        Each is the sum of D products of float32 numbers, in any order, rounded to float32 after
        every operation or more rarely; no number may have been cut to fewer bits before.
        """

    def at_least(self, block: int, least_Q: FloatArray, /) -> IntArray:
        """The places q * C + c where `product(block)` is at least `least_Q[q]`.

        Args:
            block: the number of the block.
            least_Q: shape (Q,), float32.

        Returns:
            Ascending places, shape (places,).
        """


@runtime_checkable
class Multiplier(Protocol):
    """What makes the products of a search, on one device."""

    def products(
        self, blocks_QD: Sequence[FloatArray], /, *, rows: int, device: str | None
    ) -> ChunkProducts:
        """Make products of these queries.

        Args:
            blocks_QD: blocks of queries, (Q, D) float32 each; the last may be smaller.
            rows: no chunk has more rows.
            device: the device to compute on; None: the default one.
        """
