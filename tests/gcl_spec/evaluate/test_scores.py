"""Values by query, of reports, of benchmark tables, and of seeds."""

import pytest

from gcl_spec.errors import DataError, InputError
from gcl_spec.evaluate.evaluation import Report, TaskResult
from gcl_spec.evaluate.scores import (
    Scores,
    TaskScores,
    check_same,
    mean_of,
    of_figures,
    of_report,
    task_weights,
)


def scores(name: str, *values: float, task: str = "t", column: str = "local hit@10") -> Scores:
    found = TaskScores(task, "text->image", {f"q{n}": x for n, x in enumerate(values)})
    return Scores(name, {column: (found,)})


def test_kinds_count_alike_and_within_a_kind_tasks() -> None:
    tasks = [TaskScores(str(n), kind, {"q": float(n)}) for n, kind in enumerate("aab")]
    assert task_weights(tasks) == [0.25, 0.25, 0.5]
    assert Scores("s", {"c": tuple(tasks)}).average("c") == 0.25 + 1.0


def test_a_report() -> None:
    per_query = {"hit@10": {"q": 1.0}, "mrr": {"q": 0.5}}
    results = [
        TaskResult("t", "text->image", pool, 1, 9, {}, per_query) for pool in ("local", "global")
    ]
    found = of_report("r.json", Report(tuple(results), {}))
    assert found.chosen(None, None) == ("local hit@10", "global hit@10")
    assert found.chosen("mrr", "global") == ("global mrr",)
    with pytest.raises(InputError, match=r"r\.json: no global hit@7; there are local hit@10, "):
        found.chosen("hit@7", "global")
    with pytest.raises(InputError, match=r"r\.json: two tasks have the same name"):
        of_report("r.json", Report((results[0], results[0]), {}))


@pytest.mark.parametrize("value", [float("nan"), -0.1, 1.5, "1.0", None])
def test_values_that_no_metric_has(value: float) -> None:
    result = TaskResult("t", "text->image", "local", 1, 9, {}, {"hit@10": {"q": value}})
    with pytest.raises(InputError, match=r"r\.json: local hit@10 of the query 'q' of 't' is .*"):
        of_report("r.json", Report((result,), {}))


def test_a_table_of_a_benchmark() -> None:
    figure = {"task": "OVEN", "column": "local ndcg@10", "per_query": {"q": 0.5}}
    found = of_figures("r.json", {"figures": [figure]})
    assert found.chosen(None, None) == ("local ndcg@10",)
    assert found.average("local ndcg@10") == 0.5
    for wrong in ({}, {"figures": []}, {"figures": [{"task": 1}]}, {"figures": 3}):
        with pytest.raises(DataError, match=r"r\.json: not a report of gcl eval --benchmark"):
            of_figures("r.json", wrong)
    with pytest.raises(InputError, match="has no queries"):
        of_figures("r.json", {"figures": [{**figure, "per_query": {}}]})


def test_seeds_have_means_of_queries_and_a_deviation() -> None:
    found = mean_of("runs", [scores("a", 1.0, 0.0), scores("b", 1.0, 1.0)])
    assert found.columns["local hit@10"][0].values == {"q0": 1.0, "q1": 0.5}
    assert found.average("local hit@10") == 0.75
    assert found.deviation("local hit@10") == pytest.approx(0.5**0.5 / 2)
    assert found.runs[0].deviation("local hit@10") is None


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (scores("b", 1.0), "b: other queries than in a: task 't' lacks 1 of 2, such as 'q1'"),
        (scores("b", 1.0, 1.0, 1.0), "a: other queries than in b: task 't' lacks 1 of 3"),
        (scores("b", 1.0, 1.0, task="u"), "b: no task 't' in local hit@10, which a has; it has"),
        (scores("b", 1.0, 1.0, column="local mrr"), "b: no local hit@10, which a has"),
    ],
)
def test_what_cannot_be_compared(other: Scores, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_same(scores("a", 1.0, 0.0), other, "local hit@10")
    with pytest.raises(InputError, match=message):
        mean_of("seeds", [scores("a", 1.0, 0.0), other])
