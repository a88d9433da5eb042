"""Pools that are searched as they are stored: the figures are those of rows in memory."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drawn_rows import drawn, store
from gcl_spec.embed.shards import list_path, rows_path
from gcl_spec.embed.stored import Embeddings
from gcl_spec.errors import DataError
from gcl_spec.evaluate.paper import COLUMNS
from gcl_spec.evaluate.published import Figure, measure
from gcl_spec.run.embedded import StoredItems, load_embeddings
from gcl_spec.tasks.formats import format_of
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.item_table import ItemTable
from gcl_spec.tasks.task import Task
from goldens import root_of

POOL = tuple(Item(f"c{n}", text=f"text {n // 2}") for n in range(20))
TASK = Task("t", (Item("q", text="asked"),), POOL, {"q": frozenset({"c3", "c9"})})
BOTH = ("local hit@5", "global ndcg@10")


def both(items: StoredItems, tasks: Sequence[Task], columns: Sequence[str]) -> list[Figure]:
    """The figures of rows in memory, after those of stored ones were found to be the same."""
    whole = measure(items.rows, tasks, columns)
    assert measure(items.rows, tasks, columns, read_pool=items.pool) == whole
    return list(whole)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("covr", "float32"), ("mbeir", "float16"), ("mixbench", "float32"), ("mmeb", "float32")],
)
def test_figures_of_goldens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, dtype: str
) -> None:
    names = ["webvid8m-covr_test_sorted.csv"] if name == "covr" else []
    tasks = format_of(name).read(root_of(name), names)
    items = StoredItems(load_embeddings(store(tmp_path / "rows", tasks, dtype)))
    monkeypatch.setattr("gcl_spec.search.exact._CHUNK_BYTES", 16_384)
    monkeypatch.setattr("gcl_spec.search.scores._PAIRS", 5)
    kept, lines = items.tasks(tasks)
    assert not lines
    found = both(items, kept, COLUMNS[name])
    if dtype == "float32":
        assert measure(drawn, tasks, COLUMNS[name]) == tuple(found)
    tied = [figure for figure in found if figure.band[0] != figure.band[2]]
    assert tied or name == "covr"


def test_parts_of_a_pool_in_another_order(tmp_path: Path) -> None:
    tasks = format_of("mbeir").read(root_of("mbeir"), ["cirr_task7", "oven_task6"])
    items = StoredItems(load_embeddings(store(tmp_path / "rows", tasks)))
    table = tasks[0].candidates
    assert isinstance(table, ItemTable)
    right = {id for found in tasks[0].qrels.values() for id in found}
    chosen = [n for n, item in enumerate(table) if item.id in right or n % 3 == 0][::-1]
    less = replace(tasks[0], candidates=ItemTable(table.store, table.rows_N[chosen]))
    for candidates in (less.candidates, tuple(less.candidates)):
        found = both(items, [replace(less, candidates=candidates), tasks[1]], COLUMNS["mbeir"])
        (own,) = (x for x in found if (x.task, x.column) == ("cirr_task7", "local hit@5"))
        assert own.candidates == len(chosen)


def test_few_rows_are_in_memory_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    items = StoredItems(load_embeddings(store(tmp_path / "rows", [TASK])))
    read, counts = Embeddings.read, []

    def counted(self: Embeddings, place_N: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> object:
        counts.append(len(place_N))
        return read(self, place_N)

    monkeypatch.setattr(Embeddings, "read", counted)
    monkeypatch.setattr("gcl_spec.search.exact._CHUNK_BYTES", 4 * 8 * 12)
    measure(items.rows, [TASK], BOTH, read_pool=items.pool)
    assert max(counts) == 4
    assert sum(counts) > 2 * len(POOL)


def test_one_candidate(tmp_path: Path) -> None:
    task = replace(TASK, candidates=POOL[:1], qrels={"q": frozenset({"c0"})})
    items = StoredItems(load_embeddings(store(tmp_path / "rows", [task], "float16")))
    assert [figure.band for figure in both(items, [task], BOTH)] == [(1, 1, 1), (1, 1, 1)]


@pytest.mark.parametrize("path", [rows_path, list_path])
def test_a_shard_that_is_missing_is_named(
    tmp_path: Path, path: Callable[[Path, int], Path]
) -> None:
    folder = store(tmp_path / "rows", [TASK])
    path(folder, 1).unlink()
    items = StoredItems(load_embeddings(folder))
    with pytest.raises(DataError, match=r"rows-000001.* run the same `gcl embed` again"):
        measure(items.rows, [TASK], BOTH, read_pool=items.pool)


def test_a_shard_that_goes_away_while_it_is_read_is_named(tmp_path: Path) -> None:
    folder = store(tmp_path / "rows", [TASK], size=30)
    items = StoredItems(load_embeddings(folder))
    pool = items.pool(POOL)
    assert pool[:3].shape == (3, 12)
    with rows_path(folder, 0).open("r+b") as file:
        file.truncate(200)
    with pytest.raises(DataError, match=r"rows-000000\.npy: it was changed while it was read"):
        pool[:3]
    rows_path(folder, 0).unlink()
    with pytest.raises(DataError, match=r"rows-000000\.npy: it was changed while it was read"):
        pool[np.asarray([3, 2])]


def test_items_that_were_not_embedded_are_named(tmp_path: Path) -> None:
    items = StoredItems(load_embeddings(store(tmp_path / "rows", [TASK])))
    more = replace(TASK, candidates=(*POOL, Item("new", text="new")))
    with pytest.raises(DataError, match=r"has no row of \{'text': 'new'\}"):
        measure(items.rows, [more], BOTH, read_pool=items.pool)
    with pytest.raises(DataError, match="1 of 21 items were never embedded, such as 'new'"):
        items.tasks([more])


def test_rows_that_are_not_finite_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drawn_rows.drawn", lambda own: np.full((len(own), 12), np.nan, np.float32))
    items = StoredItems(load_embeddings(store(tmp_path / "rows", [TASK])))
    with pytest.raises(DataError, match=r"rows-00000\d\.npy holds NaN or Inf"):
        measure(drawn, [TASK], BOTH, read_pool=items.pool)
