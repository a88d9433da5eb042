"""The rules of a task as pairs of numbers."""

from dataclasses import replace

import numpy as np

from gcl_spec.evaluate.per_query import pools_of
from gcl_spec.tasks.task import Item, Task

POOL = (Item("a", text="one"), Item("b", text="two"), Item("c", text="three"))
TASK = Task(
    "t",
    (Item("p", text="two"), Item("q", text="five")),
    POOL,
    {"p": frozenset("c"), "q": frozenset("ab")},
)


def test_what_has_the_querys_content_is_left_out() -> None:
    found = pools_of(TASK, POOL, local=True)
    assert found.relevant_P2.tolist() == [[0, 2], [1, 0], [1, 1]]
    assert found.left_out_P2.tolist() == [[0, 1]]
    relevant = replace(TASK, qrels=TASK.qrels | {"p": frozenset("b")})
    assert pools_of(relevant, POOL, local=True).left_out_P2.tolist() == []


def test_rules_of_single_queries() -> None:
    task = replace(TASK, left_out={"q": frozenset("b")}, choices={"q": ("b", "c", "b", "a")})
    own, union = (pools_of(task, POOL, local=local) for local in (True, False))
    assert own.relevant_P2.tolist() == union.relevant_P2.tolist() == [[0, 2], [1, 0]]
    assert own.limited_Q.tolist() == [False, True]
    assert not union.limited_Q.any()
    both = own.left_out(slice(0, 2), 3)
    assert both.tolist() == [[False, True, False], [False, True, False]]
    assert union.left_out(slice(0, 2), 3).tolist() == [[0, 1], [1, 1]]


def test_a_slice_counts_its_queries_from_0() -> None:
    found = pools_of(TASK, POOL, local=True)
    assert found.relevant(slice(1, 9)).tolist() == [[0, 0], [0, 1]]
    assert found.left_out(slice(1, 9), 3).shape == (0, 2)
    limited = pools_of(replace(TASK, choices={"q": ("c", "a")}), POOL, local=True)
    assert np.argwhere(limited.left_out(slice(1, 2), 3)).tolist() == [[0, 1]]
    assert limited.relevant(slice(1, 2)).tolist() == [[0, 0]]


def test_gains_are_the_grades() -> None:
    task = replace(TASK, grades={"q": {"b": 0.5, "c": 0.0}})
    found = pools_of(task, POOL, local=True)
    assert found.gains_P.tolist() == [1.0, 1.0, 0.5]
    assert found.gains(slice(1, 9)).tolist() == [1.0, 0.5]
    assert found.gains(slice(0, 1)).tolist() == [1.0]
