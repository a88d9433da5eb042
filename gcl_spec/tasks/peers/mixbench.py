"""GR-CLIP's numbers for MixBench: https://github.com/yuhui-zh15/MixedModalitySearch.

It differs from `gcl_spec.recall` in this: the grades themselves are the gains; tied scores share
their gains; and the ideal of "NDCG@10" is made of the ten documents that were found, not of all
that were judged, so it is too high where a query has several right answers. `ndcg` gives both.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.task import Task

__all__ = ["Means", "Ndcg", "mixed_rows", "ndcg", "peer_metrics"]

_K = 10


class Means(NamedTuple):
    """Means of unit rows of calibration data, (D,) each, which are subtracted to remove the gap."""

    query_text_D: FloatArray
    document_text_D: FloatArray
    document_image_D: FloatArray


class Ndcg(NamedTuple):
    """nDCG@10 with the ideal of all judged documents, and with the peer's ideal."""

    judged: float
    peer: float


def mixed_rows(
    items: Sequence[Item],
    parts: Mapping[str, FloatArray],
    *,
    alpha: float,
    means: Mapping[str, FloatArray] | None = None,
) -> FloatArray:
    """Unit rows of queries or documents, each of the parts that it has.

    Args:
        items: N queries or documents.
        parts: raw rows of "text" and "image", (N, D) each; a row of a part that an item lacks is
            not used.
        alpha: the weight of a text beside a picture, whose own is 1 - alpha.
        means: what is subtracted by part, (D,) each, after mixing and before the last division by
            the norm; None for nothing.

    Returns:
        Shape (N, D).
    """
    weights = {"text": alpha, "image": 1 - alpha}
    rows = []
    for n, item in enumerate(items):
        own = [name for name, _ in item.content]
        share = {name: weights[name] if len(own) > 1 else 1.0 for name in own}
        row_D = sum((share[name] * _unit(parts[name][n]) for name in own), np.zeros(()))
        if means is not None:
            row_D = row_D - sum((share[name] * means[name] for name in own), np.zeros(()))
        rows.append(_unit(row_D))
    return np.stack(rows)


def ndcg(scores_C: FloatArray, gains_C: FloatArray, judged: Sequence[float]) -> Ndcg:
    """nDCG@10 of one query.

    Args:
        scores_C: its score with each document, (C,).
        gains_C: their grades, (C,), 0 where there is none.
        judged: the grades of all documents that were judged, also of those that are in no pool.
    """
    order = np.argsort(-scores_C, kind="stable")[:_K]
    discounts = 1 / np.log2(np.arange(2, _K + 2))
    top_gains = np.maximum(gains_C[order], 0)
    # Documents of equal score share the mean of their gains, as in scikit-learn.
    _, group = np.unique(-scores_C[order], return_inverse=True)
    shared = (np.bincount(group, top_gains) / np.bincount(group))[group]
    value = float(shared @ discounts[: len(top_gains)])

    def best(gains: Sequence[float]) -> float:
        ideal = sorted((gain for gain in gains if gain > 0), reverse=True)[:_K]
        return float(np.asarray(ideal) @ discounts[: len(ideal)]) if ideal else 0.0

    return Ndcg(*(value / top if top else 0.0 for top in (best(judged), best(top_gains.tolist()))))


def peer_metrics(task: Task, queries_QD: FloatArray, candidates_CD: FloatArray) -> list[Ndcg]:
    """nDCG@10 of every query; one without judgements, or whose answer is in no pool, has 0.

    Args:
        task: one of `gcl_spec.tasks.mixbench`.
        queries_QD, candidates_CD: unit rows of its queries and candidates, (Q, D) and (C, D).
    """
    number = {item.id: n for n, item in enumerate(task.candidates)}
    values = []
    for query, scores_C in zip(task.queries, queries_QD @ candidates_CD.T, strict=True):
        right = task.qrels[query.id] | task.elsewhere.get(query.id, frozenset())
        grades = task.grades.get(query.id) or dict.fromkeys(right, 1.0)
        gains_C = np.zeros(len(number))
        for id, grade in grades.items():
            if id in number:
                gains_C[number[id]] = grade
        values.append(ndcg(scores_C, gains_C, list(grades.values())))
    return values


def _unit(row_D: FloatArray) -> FloatArray:
    return row_D / np.linalg.norm(row_D)
