"""Tasks: one content an id, and pools of several tasks."""

from dataclasses import replace

import pytest

from gapped_space import I2T, T2I, gapped
from gcl_spec.errors import DataError
from gcl_spec.evaluate.evaluation import evaluate
from gcl_spec.evaluate.examples import examples
from gcl_spec.tasks.task import Item, Task, union_pool


def test_pool_needs_one_content_an_id() -> None:
    qrels = {query.id: frozenset({"i-ant"}) for query in T2I.queries}
    other = Task("other", T2I.queries, (Item("i-ant", "bee.png"),), qrels)
    with pytest.raises(DataError, match="'i-ant' has another content"):
        union_pool([T2I, other])
    with pytest.raises(DataError, match="no task"):
        evaluate(gapped(1.0), [])


def test_tasks_that_number_their_items_alike_have_one_pool() -> None:
    def numbered(task: Task) -> Task:
        names = {item.id: str(n) for n, item in enumerate(task.candidates)}
        candidates = tuple(item.renamed(names[item.id]) for item in task.candidates)
        qrels = {q: frozenset(map(names.__getitem__, found)) for q, found in task.qrels.items()}
        return replace(task, candidates=candidates, qrels=qrels)

    again = replace(T2I, name="again")
    one = evaluate(gapped(0.5, 0.3), [T2I, I2T, again])
    two = evaluate(gapped(0.5, 0.3), [numbered(T2I), numbered(I2T), numbered(again)])
    assert one == two
    assert [result.candidates for result in two.results] == [4, 8, 4, 8, 4, 8]
    shown = examples(gapped(0.5), [numbered(T2I), numbered(I2T)])
    assert [example.relevant for example in shown] == [
        example.relevant for example in examples(gapped(0.5), [T2I, I2T])
    ]
