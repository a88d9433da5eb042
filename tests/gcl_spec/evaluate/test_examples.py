"""Examples of a report: the same queries each time."""

import pytest

from gapped_space import I2T, PICTURES, T2I, gapped
from gcl_spec.evaluate.examples import Example, examples
from gcl_spec.tasks.task import Task


def test_examples_are_the_same_queries_each_time() -> None:
    one, two = examples(gapped(3.0), [T2I, I2T]), examples(gapped(0.0), [T2I, I2T])
    assert [e.query for e in one] == [e.query for e in two]
    assert len({(e.kind, e.query.id) for e in one}) == len(one) == 6
    assert Example.from_json(one[0].to_json()) == one[0]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_examples_of_small_tasks_do_not_repeat(count: int) -> None:
    queries = T2I.queries[:count]
    task = Task("t", queries, PICTURES, {q.id: T2I.qrels[q.id] for q in queries})
    found = [example.query for example in examples(gapped(1.0), [task])]
    assert len(set(found)) == len(found) == min(3, count)
