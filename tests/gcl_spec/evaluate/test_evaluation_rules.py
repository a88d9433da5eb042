"""What tasks of benchmarks say of single queries, and what it does to their metrics."""

from dataclasses import replace

from gapped_space import NAMES, PICTURES, T2I, TEXTS, gapped
from gcl_spec.evaluate.evaluation import TaskResult, evaluate
from gcl_spec.tasks.task import Task

ALL = {picture.id: picture for picture in PICTURES}


def hits(task: Task, *others: Task, pool: str = "local") -> dict[str, float]:
    results: list[TaskResult] = list(evaluate(gapped(0.0), [task, *others]).results)
    (found,) = [r for r in results if (r.task, r.pool) == (task.name, pool)]
    return {name: found.per_query["hit@1"][f"t-{name}"] for name in NAMES}


def test_a_relevant_candidate_of_another_pool_is_found_in_the_global_one() -> None:
    cat = ALL["i-cat"]
    first = replace(
        T2I,
        candidates=tuple(picture for picture in PICTURES if picture != cat),
        qrels=T2I.qrels | {"t-cat": frozenset()},
        elsewhere={"t-cat": frozenset({"i-cat", "i-nowhere"})},
    )
    other = Task("other", TEXTS[2:3], (cat,), {"t-cat": frozenset({"i-cat"})})
    assert hits(first, other) == {"ant": 1, "bee": 1, "cat": 0, "dog": 1}
    assert hits(first, other, pool="global") == dict.fromkeys(NAMES, 1.0)


def test_a_query_without_a_relevant_candidate_counts_as_failed() -> None:
    task = replace(T2I, qrels=T2I.qrels | {"t-ant": frozenset()}, unjudged=frozenset({"t-ant"}))
    (result, _) = evaluate(gapped(0.0), [task]).results
    assert result.value("hit@1") == 0.75
    assert result.value("mrr") == 0.75
    assert result.queries == 4


def test_candidates_that_are_left_out_are_never_found() -> None:
    wrong = T2I.qrels | {"t-ant": frozenset({"i-bee"})}
    assert hits(replace(T2I, qrels=wrong))["ant"] == 0
    out = replace(T2I, qrels=wrong, left_out={"t-ant": frozenset({"i-ant", "i-cat", "i-dog"})})
    assert hits(out)["ant"] == 1
    own = replace(T2I, left_out={"t-ant": frozenset({"i-ant"})})
    assert hits(own)["ant"] == 0


def test_a_query_chooses_among_its_own_candidates() -> None:
    task = replace(
        T2I,
        qrels=T2I.qrels | {"t-ant": frozenset({"i-bee"})},
        choices={"t-ant": ("i-bee", "i-cat"), "t-dog": ("i-dog", "i-ant", "i-dog")},
    )
    found = evaluate(gapped(0.0), [task])
    assert found.results[0].per_query["hit@1"]["t-ant"] == 0.5  # both are equally far
    assert found.results[0].per_query["hit@1"]["t-dog"] == 1.0
    assert found.results[1].per_query["hit@1"]["t-ant"] == 0.0
