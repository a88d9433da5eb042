"""Searches of an index of codes: all codes are read, and the best may be scored in full."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from gcl_spec._typing import BoolArray, FloatArray
from gcl_spec.errors import ConfigError
from gcl_spec.index.best import Best, best_rows, in_full, largest_norm
from gcl_spec.index.coding import best_codes
from gcl_spec.index.exact import (
    ROWS,
    HeldRows,
    Ids,
    Scored,
    best_of_parts,
    ids_of,
    shown_rows,
    stream,
)
from gcl_spec.index.hit import Found
from gcl_spec.index.newest import Newest
from gcl_spec.index.table import Table, modality_filter

__all__ = ["HELD_BYTES", "HELD_ROWS", "CodedSearching"]

HELD_ROWS = 100_000
"""The most items whose codes all stay in memory, with what is shown of the items."""
HELD_BYTES = 2**28
"""The most bytes of codes that stay in memory for more than `HELD_ROWS` items.

Codes of more bytes are read anew for each search.
"""


class CodedSearching:
    """Searches of the newest version of a table of codes.

    Where whole rows lie beside the codes, the best by their codes are scored by these, as
    `gcl_spec.search.bit_scores.RescoredScores` does: candidates that are as good as the last of the
    best are among them, so that no order of items matters.

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
            column: the column of codes.
            only: the modalities that are searched, all if empty.
            exact: compare with all whole rows.

        Raises:
            ConfigError: exact scores are asked for, and there are no whole rows.
        """
        whole = self._table.whole.get(column)
        if exact and whole is None:
            raise ConfigError(
                f"{self._table.folder} holds {self._table.dtype} codes alone, which are compared "
                "exactly; an exact search of whole rows needs an index made with --rescore"
            )
        if exact and whole is not None:
            return stream(self._table, whole, query_D, k, only)
        most = k if whole is None else in_full(k)
        self._newest.look()
        if self._newest.kept(self._table.count) > HELD_ROWS:
            scored = self._streamed(column, query_D, most, only)
            return shown_rows(self._table, self._again(whole, query_D, k, scored))
        held = self._newest.kept(HeldRows.load, self._table, column)
        coding, keep_C = self._table.codings[column], held.kept(only)
        best = best_codes(
            coding, query_D, held.rows_CD, most, keep_C=keep_C, ties=whole is not None
        )
        items = {x.id: x for x in held.found(best)}
        again = self._again(whole, query_D, k, [(x.score, x.id) for x in items.values()])
        return [items[name]._replace(score=score) for score, name in again]

    def _streamed(
        self, column: str, query_D: FloatArray, most: int, only: Collection[str]
    ) -> list[Scored]:
        """The items with the best codes, which are read batch by batch."""
        table, ties = self._table, column in self._table.whole

        def parts() -> Iterator[tuple[Best, Ids]]:
            for batch, keep_C in self._read(column, only):
                codes_CE, ids, coding = table.rows_of(batch, column), ids_of(batch), table.codings
                yield (
                    best_codes(
                        coding[column], query_D, codes_CE, most, keep_C=keep_C, ids=ids, ties=ties
                    ),
                    ids,
                )

        return best_of_parts(parts(), most, ties=ties)

    def _read(self, column: str, only: Collection[str]) -> Iterator[tuple[Any, BoolArray | None]]:
        """Batches of ids and codes, from memory if they fit, and which of their C rows count, (C,).

        Where all do, there is None in place of booleans.
        """
        table = self._table
        if self._newest.kept(table.count) * table.columns[column] > HELD_BYTES:
            for batch in table.batches(("id", column), modality_filter(only), size=ROWS):
                yield batch, None
            return
        for batch in self._newest.kept(self._batches, column):
            yield batch, _kept(batch, only) if only else None

    def _batches(self, column: str) -> list[Any]:
        return list(self._table.batches(("id", "modality", column), size=ROWS))

    def _again(
        self, whole: str | None, query_D: FloatArray, k: int, scored: Sequence[Scored]
    ) -> list[Scored]:
        """The `k` best of scored items, scored again by whole rows where the table has some."""
        if whole is None:
            return [*scored[:k]]
        rows = self._table.vectors([name for _, name in scored], whole)
        names = list(rows)
        if not names:
            return []
        rows_ND = np.stack([rows[name] for name in names])
        best = best_rows(
            query_D, rows_ND, k, norm=largest_norm(rows_ND), ids=lambda n: [names[x] for x in n]
        )
        return [(s, names[n]) for s, n in zip(best.score_K.tolist(), best.place_K, strict=True)]


def _kept(batch: Any, only: Collection[str]) -> BoolArray:
    """Which of C rows of a batch of Arrow have one of these modalities, (C,)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = batch["modality"].cast(pa.string())
    kept_C: BoolArray = pc.is_in(kind, pa.array(sorted(only))).to_numpy(zero_copy_only=False)
    return kept_C
