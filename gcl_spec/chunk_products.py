"""The products of queries with chunks of rows: all that exact search asks of a framework.

`gcl_spec.search` decides what is found; a framework only multiplies and compares. See
`gcl_spec.search.bounds` for what the numbers of a product must be like.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Protocol, runtime_checkable

import numpy as np

from gcl_spec._typing import Array, FloatArray, IntArray

__all__ = ["ChunkProducts", "Multiplier", "at_least", "in_threads"]

# The products of so many queries are compared together, because they fit into the cache.
_TOGETHER = 32


@runtime_checkable
class ChunkProducts(Protocol):
    """The products of fixed blocks of queries with one chunk of rows after the other."""

    def take(self, rows_CD: FloatArray, /) -> None:
        """Hold these rows, (C, D) float32, until the next call; they may then be overwritten.

        They may be read-only: those of a mapped file.
        """

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


def at_least(product_QC: FloatArray, least_Q: FloatArray) -> IntArray:
    """The places of a product in the host's memory that are large enough, found in threads.

    Args:
        product_QC: (Q, C), without NaN.
        least_Q: shape (Q,).

    Returns:
        The ascending places q * C + c where the product is at least `least_Q[q]`, shape (places,).

    >>> at_least(np.asarray([[1.0, 4.0], [2.0, 3.0]]), np.asarray([5.0, 2.0])).tolist()
    [2, 3]
    """
    count, columns = product_QC.shape
    places_by_start: dict[int, IntArray] = {0: np.empty(0, np.int64)}

    def look(part: slice) -> None:
        for start in range(part.start, part.stop, _TOGETHER):
            here = slice(start, min(start + _TOGETHER, part.stop))
            places = np.flatnonzero(product_QC[here] >= least_Q[here, None])
            if len(places):
                places_by_start[start] = start * columns + places

    in_threads(look, count)
    return np.concatenate([places_by_start[start] for start in sorted(places_by_start)])


def in_threads(work: Callable[[slice], None], count: int) -> None:
    """Do `work` on all of `count` things: on a slice of them in each thread.

    There is a thread for each processor that this process may use, or OMP_NUM_THREADS of them.
    """
    pool, threads = _pool()
    if threads == 1 or count < threads:
        work(slice(0, count))
        return
    edges = [count * n // threads for n in range(threads + 1)]
    parts = [slice(*edges[n : n + 2]) for n in range(threads)]
    others = [pool.submit(work, part) for part in parts[1:]]
    try:
        work(parts[0])
    finally:
        for other in others:
            other.result()


@cache
def _pool() -> tuple[ThreadPoolExecutor, int]:
    """Threads that wait for work, and how many they are with the caller's own."""
    given = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if given.isdecimal() and int(given) > 0:
        threads = int(given)
    elif hasattr(os, "sched_getaffinity"):
        threads = len(os.sched_getaffinity(0))
    else:
        threads = os.cpu_count() or 1
    return ThreadPoolExecutor(max(1, threads - 1), "gcl-search"), threads


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # the threads stay with the parent
