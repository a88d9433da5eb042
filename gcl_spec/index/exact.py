"""Exact search of an index: the rows of a small one in memory, those of a large one streamed."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from gcl_spec._typing import AnyArray, BoolArray, FloatArray, IntArray
from gcl_spec.index.best import Best, best_rows, largest_norm
from gcl_spec.index.hit import Found
from gcl_spec.index.library import lance_errors
from gcl_spec.index.table import PAYLOAD, Table, modality_filter

__all__ = [
    "ROWS",
    "HeldRows",
    "Scored",
    "best_of_parts",
    "found_of",
    "ids_of",
    "shown",
    "shown_rows",
    "stream",
]

ROWS = 16_384
"""The number of rows in a batch that is read at a time."""
_TEXT = 1000
"""The most characters of a text that a search shows."""
Scored: TypeAlias = tuple[float, str]
"""The score of an item, and its id."""
Ids: TypeAlias = Callable[[IntArray], Sequence[str]]
"""Gives the ids of rows by their places, (N,)."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldRows:
    """All rows of a table in memory, in the order of their ids.

    payload: a table of Arrow with the columns `PAYLOAD`. rows_CD: vectors (C, D), or codes. norm:
    the largest norm of vectors. modality_C: the modality of each, (C,).
    """

    payload: Any
    rows_CD: AnyArray
    norm: float
    modality_C: Any

    @classmethod
    def load(cls, table: Table, column: str) -> "HeldRows":
        """The rows of the newest version.

        Args:
            table: the table of the index.
            column: that of the vectors.
        """
        import pyarrow as pa

        # Whole texts of all rows might fill the memory.
        batches = [_shortened(batch) for batch in table.batches((*PAYLOAD, column))]
        if not batches:
            with lance_errors("read", table.folder):
                kind = table.lance.schema.field(column).type.value_type.to_pandas_dtype()
            none = np.zeros((0, table.sizes[column]), kind)
            return cls(None, none, 0.0, np.zeros(0, str))
        whole = pa.Table.from_batches(batches)
        ids = np.asarray(whole["id"].to_pylist(), object)
        order_C = np.argsort(ids, kind="stable")
        rows_CD = table.rows_of(whole, column)[order_C]
        payload = whole.select(PAYLOAD).take(order_C)
        modality_C = np.asarray(payload["modality"].to_pylist())
        norm = largest_norm(rows_CD) if rows_CD.dtype.kind == "f" else 0.0
        return cls(payload, rows_CD, norm, modality_C)

    def search(self, query_D: FloatArray, k: int, only: Collection[str]) -> list[Found]:
        """The `k` best items of some modalities, all if `only` is empty; ties by id."""
        best = best_rows(query_D, self.rows_CD, k, norm=self.norm, keep_C=self.kept(only))
        return self.found(best)

    def kept(self, only: Collection[str]) -> BoolArray | None:
        """The mask (C,) of the rows that have one of these modalities; None where all do."""
        return np.isin(self.modality_C, sorted(only)) if only else None

    def found(self, best: Best) -> list[Found]:
        """The items of the best rows."""
        return found_of(self.payload, best) if len(best.place_K) else []


def stream(
    table: Table, column: str, query_D: FloatArray, k: int, only: Collection[str]
) -> list[Found]:
    """The `k` best items as `HeldRows.search` finds them, a batch of rows in memory at a time."""

    def parts() -> Iterator[tuple[Best, Ids]]:
        for batch in table.batches(("id", column), modality_filter(only), size=ROWS):
            rows_CD, ids = table.rows_of(batch, column), ids_of(batch)
            yield best_rows(query_D, rows_CD, k, norm=largest_norm(rows_CD), ids=ids), ids

    return shown_rows(table, best_of_parts(parts(), k))


def best_of_parts(parts: Iterable[tuple[Best, Ids]], k: int, *, ties: bool = False) -> list[Scored]:
    """The `k` best of what is best in each part of a table, best first; ties by id.

    Args:
        parts: the best of each part, and what gives the ids of its rows by their places.
        k: how many are wanted.
        ties: give also the others whose score is that of the last one.
    """
    best: list[Scored] = []
    for some, ids in parts:
        scored = zip(some.score_K.tolist(), ids(some.place_K), strict=True)
        best = sorted([*best, *scored], key=lambda x: (-x[0], x[1]))
        least = best[k - 1][0] if len(best) > k else 0.0
        best = best[:k] + [x for x in best[k:] if ties and x[0] == least]
    return best


def shown_rows(table: Table, scored: Sequence[Scored]) -> list[Found]:
    """The items of these ids as a search shows them; those that are gone are left out."""
    rows = table.known([name for _, name in scored])
    kept = [(score, rows[name]) for score, name in scored if name in rows]
    return [Found(score, **shown({x: getattr(row, x) for x in PAYLOAD})) for score, row in kept]


def ids_of(batch: Any) -> Ids:
    """A function that gives the ids of rows of a batch or table of Arrow by their places, (N,)."""
    return lambda place_N: [str(x) for x in batch["id"].take(place_N).to_pylist()]


def found_of(payload: Any, best: Best) -> list[Found]:
    """The items of the best rows of a table or batch of Arrow with the columns `PAYLOAD`."""
    rows = payload.select(PAYLOAD).take(best.place_K).to_pylist()
    return [Found(s, **shown(row)) for s, row in zip(best.score_K.tolist(), rows, strict=True)]


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row as a search shows it: of a long text the beginning."""
    text = row["text"]
    shorter = text if text is None else text[:_TEXT]
    return {**row, "text": shorter, "origin": int(row["origin"])}


def _shortened(payload: Any) -> Any:
    """The batch of Arrow with the beginnings of its texts."""
    import pyarrow.compute as pc

    place = payload.schema.get_field_index("text")
    return payload.set_column(place, "text", pc.utf8_slice_codeunits(payload["text"], 0, _TEXT))
