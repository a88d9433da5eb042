"""What is absent is named, and no query is quietly better for it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from gcl_spec.errors import DataError
from gcl_spec.tasks.absent_rows import without_absent
from gcl_spec.tasks.item_table import ItemStore, ItemTable
from gcl_spec.tasks.task import Item, Task


def items(names: str) -> list[Item]:
    return [Item(name, text=name) for name in names]


def all_but(lost: str) -> Callable[[Sequence[Item]], list[bool]]:
    return lambda found: [item.id not in lost for item in found]


TASK = Task(
    "t", items("pqr"), items("abcd"),
    {"p": frozenset("a"), "q": frozenset("ab"), "r": frozenset("c")},
    grades={"q": {"a": 2.0, "b": 1.0}}, left_out={"p": frozenset("ad")},
    choices={"p": ("a", "b", "b")}, elsewhere={"r": frozenset("z")}, union=items("abcdz"),
)  # fmt: skip


def test_nothing_changes_without_need() -> None:
    assert without_absent([TASK], all_but("")) == ((TASK,), ())


def test_absent_items_leave_every_field() -> None:
    (task,), (line,) = without_absent([TASK], all_but("ar"))
    assert line == (
        "partial: task t is without 1 of 3 queries (r) and 1 of 4 candidates (a) and "
        "1 of 5 candidates of the global pool: absent"
    )
    assert [item.id for item in task.queries] == ["p", "q"]
    assert dict(task.qrels) == {"p": frozenset(), "q": frozenset("b")}
    assert task.unjudged == {"p"}  # it counts as failed
    assert dict(task.grades) == {"q": {"b": 1.0}}
    assert dict(task.left_out) == {"p": frozenset("d")}
    assert dict(task.choices) == {"p": ("b", "b")}
    assert not task.elsewhere
    assert [item.id for item in task.union or ()] == list("bcdz")


def test_a_table_stays_a_table() -> None:
    store = ItemStore()
    for number, name in enumerate("abcd"):
        store.add(name, f"pool.jsonl:{number}", text=name)
    table = store.since(0)
    (task,), _ = without_absent([replace(TASK, candidates=table, union=table)], all_but("b"))
    for pool in (task.candidates, task.union):
        assert isinstance(pool, ItemTable)
        assert list(pool.ids()) == list("acd")


def test_whole_tasks() -> None:
    other = Task("u", items("x"), items("yz"), {"x": frozenset("y")})
    kept, lines = without_absent([TASK, other], all_but("x"))
    assert kept == (TASK,)
    assert lines[0].endswith("(x): absent; the whole task is left out")
    with pytest.raises(DataError, match="no task can be evaluated: partial: task u"):
        without_absent([other], all_but("yz"))
