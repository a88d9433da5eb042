"""Finds the rows of an index that are nearest to one: exactly, or by an index of LanceDB."""

from collections.abc import Collection

from gcl_spec._typing import FloatArray
from gcl_spec.index.approximate import approximate, is_built
from gcl_spec.index.exact import HeldRows, stream
from gcl_spec.index.hit import Found
from gcl_spec.index.newest import Newest
from gcl_spec.index.table import Table

__all__ = ["EXACT_ROWS", "Searching"]

EXACT_ROWS = 100_000
"""Up to so many items a search is exact, with all rows in memory; also one of so many that a filter
leaves."""


class Searching:
    """Searches of the newest version of a table.

    Args:
        table: that of the index.
    """

    def __init__(self, table: Table) -> None:
        self._table, self._newest = table, Newest(table)

    def nearest(
        self, query_D: FloatArray, k: int, *, column: str, only: Collection[str], exact: bool
    ) -> list[Found]:
        """The `k` best items, best first; of equal scores the lower id comes first.

        Args:
            query_D: the row to search with, (D,) float32.
            k: how many are wanted.
            column: the column of vectors.
            only: the modalities that are searched, all if empty.
            exact: force an exact search.
        """
        table, newest = self._table, self._newest
        newest.look()
        if newest.kept(table.count, ()) <= EXACT_ROWS:
            return newest.kept(HeldRows.load, table, column).search(query_D, k, only)
        some = tuple(sorted(only))
        if (
            exact
            or newest.kept(table.count, some) <= EXACT_ROWS
            or not newest.kept(is_built, table, column)
        ):
            return stream(table, column, query_D, k, only)
        return approximate(table, column, query_D, k, only)
