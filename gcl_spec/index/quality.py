"""How good the approximate search of an index is, measured on the index itself."""

import time
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.index.approximate import approximate, is_built
from gcl_spec.index.coded import CodedSearching
from gcl_spec.index.exact import stream
from gcl_spec.index.hit import Found
from gcl_spec.index.queries import unit
from gcl_spec.index.searching import EXACT_ROWS
from gcl_spec.index.table import Table

__all__ = ["Quality", "quality", "quality_of"]

_K = 10
Search: TypeAlias = Callable[[FloatArray], list[Found]]


class Quality(NamedTuple):
    """What `quality` has measured.

    recall: the share of the 10 best items that the approximate search finds, on average.
    queries: how many were searched for. milliseconds: the median time of an approximate search,
    and of an exact one.
    """

    recall: float
    queries: int
    milliseconds: tuple[float, float]


def quality_of(table: Table, column: str) -> Quality | None:
    """How good the searches of an index are that are not exact.

    Args:
        table: that of the index.
        column: that of the vectors or codes.

    Returns:
        None where all searches are exact, or are of codes beside which no whole rows are kept, or
        nothing is there.
    """
    if not len(table):
        return None
    if table.codings:
        return quality(table, column) if table.whole else None
    return quality(table, column) if len(table) > EXACT_ROWS and is_built(table, column) else None


def quality(table: Table, column: str, count: int = 20) -> Quality:
    """Search for items of an index approximately and exactly; an item is not among its own hits.

    Approximate are searches by LanceDB's index, or by codes; exact ones compare whole rows.

    Args:
        table: that of the index.
        column: that of the vectors.
        count: how many items are searched for, which are spread over the index.
    """
    rows, vectors_QD = table.sample(count, column)
    by_codes = CodedSearching(table) if table.codings else None
    if by_codes is not None and rows:  # codes that stay in memory are read once
        by_codes.nearest(
            unit(np.asarray(vectors_QD[0], np.float32)), 1, column=column, only=(), exact=False
        )
    shares, times = [], []
    for row, vector_D in zip(rows, vectors_QD, strict=True):
        query_D = unit(np.asarray(vector_D, np.float32))
        quick, exact = (_timed(search, query_D) for search in _searches(table, column, by_codes))
        wanted, got = (set([x for x in ids if x != row.id][:_K]) for ids in (exact[0], quick[0]))
        shares.append(len(wanted & got) / max(1, len(wanted)))
        times.append((quick[1], exact[1]))
    fast, slow = np.median(times, axis=0).tolist()
    return Quality(float(np.mean(shares)), len(rows), (fast, slow))


def _searches(table: Table, column: str, by_codes: CodedSearching | None) -> tuple[Search, Search]:
    """An approximate search of `_K` items beside the one that is searched for, and an exact one."""
    whole = table.nearest_rows(column)

    def by_code(query_D: FloatArray) -> list[Found]:
        assert by_codes is not None
        return by_codes.nearest(query_D, _K + 1, column=column, only=(), exact=False)

    def by_index(query_D: FloatArray) -> list[Found]:
        return approximate(table, column, query_D, _K + 1, ())

    return (
        by_index if by_codes is None else by_code,
        lambda query_D: stream(table, whole, query_D, _K + 1, ()),
    )


def _timed(search: Search, query_D: FloatArray) -> tuple[list[str], float]:
    start = time.perf_counter()
    hits = search(query_D)
    return [hit.id for hit in hits], 1000 * (time.perf_counter() - start)
