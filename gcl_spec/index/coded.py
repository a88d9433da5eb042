"""Searches of an index of codes: all codes are read, and the best may be scored in full."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from gcl_spec._typing import BoolArray, FloatArray
from gcl_spec.errors import ConfigError
from gcl_spec.index.best import best_rows, largest_norm
from gcl_spec.index.coding import best_codes
from gcl_spec.index.exact import ROWS, HeldRows, ids_of, shown, stream
from gcl_spec.index.hit import Found
from gcl_spec.index.table import PAYLOAD, Table, modality_filter

__all__ = ["HELD_BYTES", "HELD_ROWS", "RESCORED", "CodedSearching"]

HELD_ROWS = 100_000
"""Up to so many items all codes stay in memory, with what is shown of the items."""
HELD_BYTES = 2**28
"""Of more items codes of up to so many bytes stay in memory; others are read for each search."""
RESCORED = 64
"""The rows that are scored in full, for up to `RESCORED` / 4 hits; for more, four times these."""
_Scored = tuple[float, str]
"""The score of an item, and its id."""


class CodedSearching:
    """Searches of the newest version of a table of codes.

    Where whole rows lie beside the codes, the best by their codes are scored by these, as
    `gcl_spec.search.bit_scores.RescoredScores` does: candidates that are as good as the last of the
    best are among them, so that no order of items matters.

    Args:
        table: that of the index.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._held: dict[str, HeldRows] = {}
        self._batches: dict[str, list[Any]] = {}
        self._version = -1

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
        most = k if whole is None else max(RESCORED, 4 * k)
        held = self._in_memory(column)
        if held is None:
            found = self._streamed(column, query_D, most, only)
            again = self._again(whole, query_D, k, found)
            rows = self._table.known([name for _, name in again])
            shows = {name: {x: getattr(row, x) for x in PAYLOAD} for name, row in rows.items()}
        else:
            keep_C = np.isin(held.modality_C, sorted(only)) if only else None
            coding, ties = self._table.codings[column], whole is not None
            best = best_codes(coding, query_D, held.rows_CD, most, keep_C=keep_C, ties=ties)
            payload = held.payload.take(best.place_K).to_pylist() if len(best.place_K) else []
            shows = {row["id"]: row for row in payload}
            found = list(zip(best.score_K.tolist(), shows, strict=True))
            again = self._again(whole, query_D, k, found)
        return [Found(s, **shown(shows[name])) for s, name in again if name in shows]

    def _in_memory(self, column: str) -> HeldRows | None:
        """All codes of the newest version; None where they are too many."""
        version = int(self._table.lance.version)
        if version != self._version:
            self._held.clear()
            self._batches.clear()
            self._version = version
        if column not in self._held:
            if len(self._table) > HELD_ROWS:
                return None
            self._held[column] = HeldRows.load(self._table, column)
        return self._held[column]

    def _streamed(
        self, column: str, query_D: FloatArray, most: int, only: Collection[str]
    ) -> list[_Scored]:
        """The best by their codes, batch by batch."""
        table, ties = self._table, column in self._table.whole
        coding = table.codings[column]
        best: list[_Scored] = []
        for batch, keep_C in self._read(column, only):
            codes_CE, ids = table.rows_of(batch, column), ids_of(batch)
            some = best_codes(coding, query_D, codes_CE, most, keep_C=keep_C, ids=ids, ties=ties)
            found = zip(some.score_K.tolist(), ids(some.place_K), strict=True)
            best = sorted([*best, *found], key=lambda x: (-x[0], x[1]))
            if len(best) > most:
                least = best[most - 1][0]
                best = best[:most] + [x for x in best[most:] if ties and x[0] == least]
        return best

    def _read(self, column: str, only: Collection[str]) -> Iterator[tuple[Any, BoolArray | None]]:
        """Batches of ids and codes, from memory if they fit, and which of their C rows count, (C,).

        Where all do, there is None in place of booleans.
        """
        table = self._table
        if len(table) * table.columns[column] > HELD_BYTES:
            for batch in table.batches(("id", column), modality_filter(only), size=ROWS):
                yield batch, None
            return
        if column not in self._batches:
            read = table.batches(("id", "modality", column), size=ROWS)
            self._batches[column] = list(read)
        for batch in self._batches[column]:
            yield batch, _kept(batch, only) if only else None

    def _again(
        self, whole: str | None, query_D: FloatArray, k: int, found: Sequence[_Scored]
    ) -> list[_Scored]:
        """The `k` best of what was found, by whole rows where there are some."""
        if whole is None:
            return [*found[:k]]
        rows = self._table.vectors([name for _, name in found], whole)
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
