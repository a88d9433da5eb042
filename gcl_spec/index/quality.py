"""How good the approximate search of an index is, measured on the index itself."""

import time
from collections.abc import Callable, Collection
from typing import NamedTuple, TypeAlias

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.index.approximate import approximate
from gcl_spec.index.exact import stream
from gcl_spec.index.hit import Found
from gcl_spec.index.queries import unit
from gcl_spec.index.table import Table

__all__ = ["Quality", "quality"]

_K = 10
Search: TypeAlias = Callable[[Table, str, FloatArray, int, Collection[str]], list[Found]]


class Quality(NamedTuple):
    """What `quality` has measured.

    recall: the share of the 10 best items that the approximate search finds, on average.
    queries: how many were searched for. milliseconds: the median time of an approximate search,
    and of an exact one.
    """

    recall: float
    queries: int
    milliseconds: tuple[float, float]


def quality(table: Table, column: str, count: int = 20) -> Quality:
    """Search for items of an index approximately and exactly; an item is not among its own hits.

    Args:
        table: that of the index.
        column: that of the vectors.
        count: how many items are searched for, which are spread over the index.
    """
    rows, vectors_QD = table.sample(count, column)
    shares, times = [], []
    for row, vector_D in zip(rows, vectors_QD, strict=True):
        query_D = unit(np.asarray(vector_D, np.float32))
        found, exact = (_timed(search, table, column, query_D) for search in (approximate, stream))
        wanted, got = (set([x for x in ids if x != row.id][:_K]) for ids in (exact[0], found[0]))
        shares.append(len(wanted & got) / max(1, len(wanted)))
        times.append((found[1], exact[1]))
    fast, slow = np.median(times, axis=0).tolist()
    return Quality(float(np.mean(shares)), len(rows), (fast, slow))


def _timed(
    search: Search, table: Table, column: str, query_D: FloatArray
) -> tuple[list[str], float]:
    start = time.perf_counter()
    hits = search(table, column, query_D, _K + 1, ())
    return [hit.id for hit in hits], 1000 * (time.perf_counter() - start)
