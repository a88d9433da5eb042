"""Tasks of queries, candidates and grades."""

from pathlib import Path

import pytest

from gcl_spec.data.root import open_root
from gcl_spec.errors import DataError
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.item_table import ItemStore
from gcl_spec.tasks.judged_task import Sides, judged_task
from gcl_spec.tasks.task import Task


def task_of(folder: Path, qrels: str, *, every: bool = True, strict: bool = True) -> Task:
    (folder / "qrels.tsv").write_text(qrels)
    store = ItemStore()
    store.add("c", "corpus.jsonl:1", text="a")
    store.add("d", "corpus.jsonl:2", text="b")
    queries = {id: Item(id, text=id) for id in ("q", "r")}
    sides = Sides(queries, store.since(0), {"s"}, {"e"})
    root = open_root(folder)
    return judged_task(root, "t", "qrels.tsv", sides, every=every, strict=strict)


def test_what_was_left_out_on_purpose_is_no_mistake(tmp_path: Path) -> None:
    task = task_of(tmp_path, "q\tc\t1\ns\tc\t1\nr\te\t3\n")
    assert task.qrels == {"q": {"c"}, "r": frozenset()}
    assert task.elsewhere == {"r": {"e"}}
    assert task.grades == {"r": {"e": 3.0}}
    assert task.notes == ()
    for line in ("x\tc\t1", "q\tx\t1"):
        with pytest.raises(DataError, match=r"qrels\.tsv:1: no (query|candidate) 'x'"):
            task_of(tmp_path, line)


def test_queries_without_judgements(tmp_path: Path) -> None:
    assert task_of(tmp_path, "q\tc\t1\n").unjudged == {"r"}
    assert [q.id for q in task_of(tmp_path, "q\tc\t1\n", every=False).queries] == ["q"]
    with pytest.raises(DataError, match="holds no judgement"):
        task_of(tmp_path, "", every=False)


def test_a_candidate_of_grade_0_may_be_missing(tmp_path: Path) -> None:
    assert task_of(tmp_path, "q\tx\t0\nq\tc\t1\nr\td\t1\n").qrels["q"] == {"c"}
