"""The table of an index: LanceDB's, of which every commit is there whole or not at all."""

import time
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gcl_spec._typing import AnyArray, FloatArray
from gcl_spec.index.about import TABLE, About
from gcl_spec.index.coding import Coding
from gcl_spec.index.columns import Columns
from gcl_spec.index.library import equals_any, lance_errors, lancedb
from gcl_spec.index.schema import Row, row_of, schema_of, to_arrow

__all__ = [
    "GRACE",
    "MOST_FRAGMENTS",
    "PAYLOAD",
    "Row",
    "State",
    "Table",
    "create_table",
    "make_table",
    "modality_filter",
    "open_table",
]

GRACE = timedelta(minutes=2)
"""A reader that has begun finds its version of the table for this long after it was replaced."""
MOST_FRAGMENTS = 16
MOST_VERSIONS = 128
PAYLOAD = ("id", "modality", "text", "image", "origin")
"""The columns of what a search shows."""
_IDS = 4096
_RUNS = 50


class State(NamedTuple):
    """What the disk holds: rows, fragments, versions that are still kept, and bytes."""

    rows: int
    fragments: int
    versions: int
    bytes: int


def create_table(
    folder: Path,
    columns: Mapping[str, int],
    dtype: str,
    whole: Mapping[str, int] | None = None,
    kind: str = "",
) -> None:
    """Make the table of a new index, without rows.

    Args:
        folder: the index.
        columns: the numbers of a vector or code, by the name of their column.
        dtype: "float32", "float16", "int8" or "binary".
        whole: the widths of whole rows beside codes, by the name of their column.
        kind: the dtype of these.

    Raises:
        FileError: it cannot be written.
    """
    with lance_errors("make", folder):
        schema = schema_of(columns, dtype, whole, kind)
        lancedb().connect(str(folder)).create_table(TABLE, schema=schema)


class Table(Columns):
    """The table of an index.

    Every call sees the newest commit, whichever process made it. Those that write need the lock of
    the folder (`gcl_spec._files.locks.locked`).

    Args:
        folder: the index.
        columns: the numbers of a vector or code, by the name of their column.
        dtype: "float32", "float16", "int8" or "binary".
        codings: what makes codes, by column; empty where rows are stored as they are.
        kind: the dtype of whole rows beside codes, "" without.
    """

    def __init__(
        self,
        folder: Path,
        columns: Mapping[str, int],
        dtype: str,
        codings: Mapping[str, Coding] | None = None,
        kind: str = "",
    ) -> None:
        super().__init__(columns, dtype, codings, kind)
        self.folder = folder
        self._asked: Any = None

    @cached_property
    def lance(self) -> Any:
        """LanceDB's object."""
        with lance_errors("open", self.folder):
            database = lancedb().connect(str(self.folder), read_consistency_interval=timedelta(0))
            return database.open_table(TABLE)

    def asked(self) -> Any:
        """An empty query of LanceDB's asynchronous interface, whose answer `answer` gives.

        The other interface takes 2 ms more for a search, since it goes to and fro between threads
        for each of its steps.
        """
        if self._asked is None:
            self._asked = self.answer(self._opened)
        return self._asked.query()

    def answer(self, asked: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """What a coroutine of LanceDB gives."""
        return import_module("lancedb.background_loop").LOOP.run(asked())

    async def _opened(self) -> Any:
        path, always = str(self.folder), timedelta(0)
        database = await lancedb().connect_async(path, read_consistency_interval=always)
        return await database.open_table(TABLE)

    def __len__(self) -> int:
        return self.count()

    def count(self, only: Collection[str] = ()) -> int:
        """The number of items, of some modalities if `only` names them."""
        with lance_errors("read", self.folder):
            number: int = self.lance.count_rows(modality_filter(only))
        return number

    def known(self, ids: Sequence[str]) -> dict[str, Row]:
        """The rows of those of these ids that are there, by id."""
        rows: dict[str, Row] = {}
        for start in range(0, len(ids), _IDS):
            where = equals_any("id", ids[start : start + _IDS])
            for batch in self.batches(Row._fields, where):
                rows |= {x["id"]: row_of(x) for x in batch.to_pylist()}
        return rows

    def vectors(self, ids: Sequence[str], column: str) -> dict[str, FloatArray]:
        """The vectors (D,) of those of these ids that are there, as they are stored."""
        vectors: dict[str, FloatArray] = {}
        for start in range(0, len(ids), _IDS):
            where = equals_any("id", ids[start : start + _IDS])
            for batch in self.batches(("id", column), where):
                rows_ND = self.rows_of(batch, column)
                vectors |= dict(zip(batch["id"].to_pylist(), rows_ND, strict=True))
        return vectors

    def rows_of(self, batch: Any, column: str) -> FloatArray:
        """The vectors (N, D) of N rows of Arrow, as they are stored."""
        values = batch[column]
        values = values.combine_chunks() if hasattr(values, "combine_chunks") else values
        width = self.sizes[column]
        rows_ND: FloatArray = values.flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
        return rows_ND

    def batches(
        self, columns: Sequence[str], where: str | None = None, *, size: int | None = None
    ) -> Iterator[Any]:
        """Record batches of Arrow with these columns, of the rows that fulfil a condition.

        Args:
            columns: their names.
            where: the condition in SQL; None: all rows.
            size: the rows of a batch; None: some 1,000.
        """
        with lance_errors("read", self.folder):
            query = self.lance.search().select(list(columns))
            if where is not None:
                query = query.where(where)
            yield from query.to_batches(size)

    def sample(self, count: int, column: str) -> tuple[list[Row], FloatArray]:
        """At most `count` items, evenly spread over the table, and their vectors (N, D).

        Of a large table runs of neighbours are read, of which there are `_RUNS`.

        Args:
            count: how many at most.
            column: that of the vectors, or of codes, which are read back.
        """
        total, column = len(self), self.nearest_rows(column)
        runs = 1 if total <= count else min(_RUNS, count)
        size = -(-min(count, total) // runs)
        rows: list[Row] = []
        vectors: list[FloatArray] = []
        with lance_errors("read", self.folder):
            for n in range(runs):
                query = self.lance.search().select([*Row._fields, column])
                query = query.offset(n * total // runs).limit(size)
                for batch in query.to_batches():
                    vectors.append(self.decoded(column, self.rows_of(batch, column)))
                    rows += [row_of(x) for x in batch.select(Row._fields).to_pylist()]
        none = np.zeros((0, self.width(column)), np.float32)
        return rows[:count], np.concatenate([none, *vectors])[:count]

    def put(self, rows: Sequence[Row], vectors: Mapping[str, AnyArray], *, replaces: bool) -> None:
        """Add N rows in one commit, or replace those of the same ids.

        Args:
            rows: N rows of different ids.
            vectors: (N, D) for every column of vectors.
            replaces: some of the ids may be there.

        Raises:
            FileError: it cannot be written; the table is as before.
        """
        with lance_errors("write", self.folder):
            schema = self.lance.schema
        batch = to_arrow(rows, vectors, schema)
        with lance_errors("write", self.folder):
            if not replaces:
                self.lance.add(batch)
                return
            merge = self.lance.merge_insert("id").when_matched_update_all()
            merge.when_not_matched_insert_all().execute(batch)

    def delete(self, ids: Sequence[str]) -> int:
        """Delete the items of these ids; the number of those that were there."""
        before = len(self)
        with lance_errors("write", self.folder):
            for start in range(0, len(ids), _IDS):
                self.lance.delete(equals_any("id", ids[start : start + _IDS]))
        return before - len(self)

    def origin_type(self) -> str:
        """The type of the numbers of places: texts, or numbers where an older version made it."""
        with lance_errors("read", self.folder):
            return str(self.lance.schema.field("origin").type)

    def of_origin(self, number: int) -> Iterator[str]:
        """The ids of the items of a place, by its number."""
        texts = "string" in self.origin_type()
        where = equals_any("origin", [str(number)]) if texts else f"origin = {number}"
        for batch in self.batches(("id",), where):
            yield from batch["id"].to_pylist()

    def fragments(self) -> int:
        """The number of files that the newest rows lie in."""
        with lance_errors("read", self.folder):
            number: int = self.lance.stats()["fragment_stats"]["num_fragments"]
        return number

    def state(self) -> State:
        """What the disk holds; it reads the heads of all versions."""
        with lance_errors("read", self.folder):
            versions = len(self.lance.list_versions())
        fragments = self.fragments()
        size = sum(x.stat().st_size for x in self.folder.rglob("*") if x.is_file())
        return State(len(self), fragments, versions, size)

    def tidy(self, *, most: int = MOST_FRAGMENTS) -> None:
        """Merge small files where there are more than `most`, and remove old versions.

        It does so, too, where there are many versions. What a killed writer left is removed: this
        process has the lock.
        """
        if self.fragments() <= most and not self._has_old_versions():
            return
        with lance_errors("tidy", self.folder):
            self.lance.optimize(cleanup_older_than=GRACE, delete_unverified=True)

    def _has_old_versions(self) -> bool:
        """Are there many versions, some of which no reader needs any more?"""
        files = (self.folder / f"{TABLE}.lance" / "_versions").glob("*.manifest")
        made = [x.stat().st_mtime for x in files]
        return len(made) > MOST_VERSIONS and min(made) < time.time() - GRACE.total_seconds()


def open_table(folder: Path, about: About) -> Table:
    """The table of an index."""
    codings = about.codings()
    columns = dict(about.columns().values()) | {name: x.size for name, x in codings.items()}
    return Table(folder, columns, about.dtype, codings, about.codes.rescore if about.codes else "")


def make_table(folder: Path, about: About) -> Table:
    """Make the table of a new index, without rows.

    Raises:
        FileError: it cannot be written.
    """
    made = open_table(folder, about)
    whole = {name: made.sizes[name] for name in made.whole.values()}
    create_table(folder, made.columns, made.dtype, whole, made.kind)
    return made


def modality_filter(only: Collection[str]) -> str | None:
    """A condition of SQL: the item has one of these modalities; None without any."""
    return equals_any("modality", sorted(only)) if only else None
