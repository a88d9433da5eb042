"""Finds the rows of an index that are nearest to one: exactly, or by an index of LanceDB."""

from collections.abc import Collection

from gcl_spec._typing import FloatArray
from gcl_spec.index.exact import HeldRows, stream
from gcl_spec.index.hit import Found
from gcl_spec.index.table import Table

__all__ = ["EXACT_ROWS", "Searching"]

EXACT_ROWS = 100_000
"""Up to so many items a search is exact, with all rows in memory."""


class Searching:
    """Searches of the newest version of a table.

    Args:
        table: that of the index.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._held: dict[str, HeldRows] = {}

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
        if len(self._table) <= EXACT_ROWS:
            return self._rows(column).search(query_D, k, only)
        return stream(self._table, column, query_D, k, only)

    def _rows(self, column: str) -> HeldRows:
        held = self._held.get(column)
        if held is None or held.version != int(self._table.lance.version):
            held = self._held[column] = HeldRows.load(self._table, column)
        return held
