"""Metrics of TREC's files, also of relevant candidates that a run does not list."""

from math import log2

import pytest

from gcl_spec.errors import InputError
from gcl_spec.evaluate.trec_scores import check_queries, trec_scores

RUN = {"q": {"a": 3.0, "b": 2.0, "c": 1.0}}


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("hit@1", 0.0),
        ("hit@2", 1.0),
        ("recall@2", 1 / 2),
        ("mrr", 1 / 2),
        ("average precision", 1 / 4),
        ("ndcg@3", (1 / 1.5849625007211562) / (1 + 1 / 1.5849625007211562)),
        ("ndcg@1", 0.0),
    ],
)
def test_a_relevant_candidate_that_is_not_listed_is_never_found(metric: str, value: float) -> None:
    judged = {"q": {"b": 1.0, "lost": 1.0, "c": 0.0}, "not run": {"a": 1.0}, "hopeless": {"a": 0.0}}
    found = trec_scores("t", RUN, judged, metric)
    assert found.values == {"q": pytest.approx(value), "not run": 0.0, "hopeless": 0.0}
    assert (found.task, found.kind) == ("t", "t")


def test_grades_are_the_gains_of_ndcg_and_of_its_ideal() -> None:
    judged = {"q": {"b": 1.0, "lost": 3.0, "c": 2.0, "a": -1.0}}
    found = (1 / log2(3) + 2 / 2) / (3 + 2 / log2(3) + 1 / 2)
    assert trec_scores("t", RUN, judged, "ndcg@3").values == {"q": pytest.approx(found)}
    at_2 = (1 / log2(3)) / (3 + 2 / log2(3))
    assert trec_scores("t", RUN, judged, "ndcg@2").values == {"q": pytest.approx(at_2)}
    assert trec_scores("t", RUN, judged, "recall@3").values == {"q": pytest.approx(2 / 3)}


def test_ties_have_their_mean() -> None:
    run = {"q": {"a": 1.0, "b": 1.0}}
    assert trec_scores("t", run, {"q": {"b": 1.0}}, "hit@1").values == {"q": 0.5}


def test_another_metric_and_other_queries() -> None:
    with pytest.raises(InputError, match="no metric 'hits@1'"):
        trec_scores("t", {}, {"q": {"a": 1.0}}, "hits@1")
    assert check_queries(("run", "qrels"), RUN, {"q": {}, "p": {}}) == 1
    with pytest.raises(InputError, match=r"run: 1 of its 1 queries, such as 'q', are not in qrels"):
        check_queries(("run", "qrels"), RUN, {"p": {}})
