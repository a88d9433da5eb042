"""Metrics of runs and judgements in TREC's form, for any program's results."""

from collections.abc import Mapping, Sequence

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.errors import InputError
from gcl_spec.evaluate.scores import TaskScores
from gcl_spec.recall import rank
from gcl_spec.recall.ties import ideal

__all__ = ["check_queries", "trec_scores"]


def trec_scores(
    task: str,
    run: Mapping[str, Mapping[str, float]],
    judged: Mapping[str, Mapping[str, float]],
    metric: str,
) -> TaskScores:
    """The expected value of a metric for every judged query.

    A relevant candidate that the run does not list is never found, and a query that it does not
    list has 0, as in trec_eval with -c. Among equal scores the value is the mean over all orders
    (`gcl_spec.recall`), where trec_eval orders by the candidates' ids.

    Args:
        task: the name of the task.
        run: scores by query and candidate.
        judged: grades by query and candidate, the gains of nDCG; above 0 a candidate is relevant.
        metric: such as "hit@10".

    Raises:
        InputError: there is no such metric.
    """
    values = {query: _value(run.get(query, {}), grades, metric) for query, grades in judged.items()}
    return TaskScores(task, task, values)


def check_queries(
    names: tuple[str, str],
    run: Mapping[str, Mapping[str, float]],
    judged: Mapping[str, Mapping[str, float]],
) -> int:
    """Refuse a run of other queries than those that are judged.

    Args:
        names: of the file of the run, and of that of the judgements.
        run: scores by query and candidate.
        judged: grades by query and candidate.

    Returns:
        How many judged queries the run lacks.

    Raises:
        InputError: the run has queries without a judgement.
    """
    unknown = [query for query in run if query not in judged]
    if unknown:
        raise InputError(
            f"{names[0]}: {len(unknown)} of its {len(run)} queries, such as {unknown[0]!r}, are "
            f"not in {names[1]}; give the judgements of this run, or remove those queries"
        )
    return sum(query not in run for query in judged)


def _value(scores: Mapping[str, float], grades: Mapping[str, float], metric: str) -> float:
    gains = {candidate: grade for candidate, grade in grades.items() if grade > 0}
    here = [candidate for candidate in gains if candidate in scores]
    places = {candidate: n for n, candidate in enumerate(scores)}
    if not here:
        # A metric that there is not must be an error for this query too.
        rank(np.zeros((1, 1)), [(0, 0)]).metric(metric)
        return 0.0
    scores_1C: FloatArray = np.asarray([list(scores.values())])
    pairs, own = [(0, places[candidate]) for candidate in here], [gains[one] for one in here]
    value = float(rank(scores_1C, pairs, gains=own).metric(metric).expected[0])
    return value * _share(metric, own, [*gains.values()])


def _share(metric: str, listed: Sequence[float], relevant: Sequence[float]) -> float:
    """The factor by which a metric of the listed relevant candidates becomes that of all of them.

    Args:
        metric: its name.
        listed, relevant: the gains of those that the run lists, and of all.
    """
    kind, _, k = metric.partition("@")
    if kind in ("hit", "mrr"):
        return 1.0
    if kind != "ndcg":  # a mean over relevant candidates, in which those not found have 0
        return len(listed) / len(relevant)
    part, whole = (float(ideal(np.asarray([gains]), int(k), np)[0]) for gains in (listed, relevant))
    return part / whole
