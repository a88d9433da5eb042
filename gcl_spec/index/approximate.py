"""Approximate search of many items, by an inverted file of LanceDB (IVF).

The rows are divided into partitions of some 1,000 around centres. A search reads the short codes of
the rows in the `PROBES` nearest partitions, takes `in_full` rows by their codes, and scores
those in full. Codes have a bit a number (RaBitQ, arXiv 2405.12497) where rows have many numbers,
which LanceDB allows for multiples of 8, and else a byte a number.
"""

from collections.abc import Collection
from typing import Any

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.index.best import Best, best_rows, in_full, largest_norm
from gcl_spec.index.exact import found_of, ids_of
from gcl_spec.index.hit import Found
from gcl_spec.index.library import lance_errors, lancedb
from gcl_spec.index.table import PAYLOAD, Table, modality_filter
from gcl_spec.progress import Reporter
from gcl_spec.search.bounds import FLOAT32, gamma

__all__ = ["PROBES", "approximate", "build", "is_built"]

PROBES = 80
_PARTITION = 1000
_WIDE = 256  # a bit a number says too little of narrower rows
_SAMPLES, _ROUNDS = 64, 20  # rows a partition from which centres are found, and the rounds of that


def is_built(table: Table, column: str) -> bool:
    """Has LanceDB an index of a column of vectors?"""
    with lance_errors("read", table.folder):
        return any(x.columns == [column] for x in table.lance.list_indices())


def build(table: Table, column: str, reporter: Reporter) -> None:
    """Make LanceDB's index of a column of vectors, in one commit.

    Args:
        table: that of the index.
        column: the column.
        reporter: hears that it takes a while.

    Raises:
        FileError: it cannot be written; the table is as before.
    """
    count = len(table)
    reporter.say(f"making the index for approximate searches of {count:,} rows")
    kinds: Any = lancedb().index
    width = table.columns[column]
    kind = kinds.IvfRq if width % 8 == 0 and width >= _WIDE else kinds.IvfSq
    settings = kind(
        distance_type="dot",
        num_partitions=max(1, count // _PARTITION),
        max_iterations=_ROUNDS,
        sample_rate=_SAMPLES,
    )
    with lance_errors("write", table.folder):
        table.lance.create_index(column, config=settings, replace=True)


def approximate(
    table: Table, column: str, query_D: FloatArray, k: int, only: Collection[str]
) -> list[Found]:
    """The `k` best items of those that LanceDB's index proposes; the filter applies before it.

    The first hits for more are those for fewer, as long as both are at most `IN_FULL` / 4.

    Args:
        table: that of the index.
        column: that of the vectors.
        query_D: the row to search with, (D,) float32.
        k: how many are wanted.
        only: the modalities that are searched, all if empty.
    """
    count = in_full(k)
    few = count // (4 if 16 * k <= 3 * count else 2)
    candidates = _nearest(table, column, query_D, only, few, count)
    best = _best(table, column, query_D, k, candidates)
    if not _is_settled(table, column, query_D, k, candidates, best):
        candidates = _nearest(table, column, query_D, only, count, count)
        best = _best(table, column, query_D, k, candidates)
    return found_of(candidates, best)


def _nearest(
    table: Table, column: str, query_D: FloatArray, only: Collection[str], few: int, count: int
) -> Any:
    """The `few` best rows of the `count` best by their codes, as a table of Arrow, best first.

    LanceDB computes their distances in float32. To read a row through LanceDB takes longer than to
    score it, so that as few as possible are read here.
    """
    with lance_errors("read", table.folder):
        query = table.asked().nearest_to(query_D).column(column).distance_type("dot")
        query = query.nprobes(PROBES).limit(few).refine_factor(count // few)
        where = modality_filter(only)
        if where is not None:
            query = query.where(where)
        return table.answer(query.select([*PAYLOAD, column, "_distance"]).to_arrow)


def _best(table: Table, column: str, query_D: FloatArray, k: int, candidates: Any) -> Best:
    """The `k` best of rows that were found, by scores in float64."""
    rows_CD = table.rows_of(candidates, column)
    return best_rows(query_D, rows_CD, k, norm=largest_norm(rows_CD), ids=ids_of(candidates))


def _is_settled(
    table: Table, column: str, query_D: FloatArray, k: int, candidates: Any, best: Best
) -> bool:
    """Is each row that was not read below the `k`-th best?

    Its distance in float32, 1 - q . z, is at least that of the last one read.
    """
    if len(best.place_K) < k:
        return True
    norm = largest_norm(table.rows_of(candidates, column))
    error = 2 * gamma(len(query_D) + 4, FLOAT32) * (1 + float(np.linalg.norm(query_D)) * norm)
    last = 1 - float(candidates["_distance"][-1].as_py())
    return float(best.score_K[-1]) > last + error
