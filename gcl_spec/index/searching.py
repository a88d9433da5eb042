"""Finds the rows of an index that are nearest to one: exactly, or by an index of LanceDB."""

from collections.abc import Collection

from gcl_spec._typing import FloatArray
from gcl_spec.index.approximate import approximate, is_built
from gcl_spec.index.exact import HeldRows, stream
from gcl_spec.index.hit import Found
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
        self._table = table
        self._held: dict[str, HeldRows] = {}
        self._known: dict[tuple[str, str], int] = {}
        self._version = -1

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
        version = int(self._table.lance.version)
        if version != self._version:
            self._held.clear()
            self._known.clear()
            self._version = version
        if self._count(()) <= EXACT_ROWS:
            if column not in self._held:
                self._held[column] = HeldRows.load(self._table, column)
            return self._held[column].search(query_D, k, only)
        if exact or self._count(only) <= EXACT_ROWS or not self._built(column):
            return stream(self._table, column, query_D, k, only)
        return approximate(self._table, column, query_D, k, only)

    def _count(self, only: Collection[str]) -> int:
        name = ("count", ",".join(sorted(only)))
        if name not in self._known:
            self._known[name] = self._table.count(only)
        return self._known[name]

    def _built(self, column: str) -> bool:
        name = ("built", column)
        if name not in self._known:
            self._known[name] = int(is_built(self._table, column))
        return bool(self._known[name])
