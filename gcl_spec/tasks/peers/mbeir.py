"""UniIR's numbers for M-BEIR: https://github.com/TIGER-AI-Lab/UniIR, src/common/mbeir_retriever.py.

It differs from `gcl_spec.recall` in this: scores are float32 products of rows that were stored in
float16; among equal scores the candidate that stands first wins, here as in a flat index of faiss;
its "Recall@K" is our hit@K; numbers have four digits. A query finds also relevant candidates of
other data sets, where the pool has them.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from gcl_spec._typing import FloatArray, IntArray
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.task import Task

__all__ = ["RANKS", "peer_metrics", "run_lines", "top_k", "unit_rows"]

RANKS = (1, 5, 10, 20, 50)
PADDING = "-1:9999999"
"""The id that stands for nothing in a run, where a pool has fewer candidates than are asked for."""


def unit_rows(rows_ND: FloatArray) -> FloatArray:
    """Rows divided by their norms in float32, as faiss does; a zero row stays zero.

    Args:
        rows_ND: shape (N, D), such as raw fused rows in float16.

    Returns:
        Shape (N, D), float32.
    """
    rows = rows_ND.astype(np.float32)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.where(norms > 0, rows / np.where(norms > 0, norms, 1), rows)


def top_k(queries_QD: FloatArray, candidates_CD: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
    """The k best candidates of every query.

    Args:
        queries_QD, candidates_CD: raw rows, (Q, D) and (C, D).
        k: how many; where there are fewer candidates, the rest is padded.

    Returns:
        The candidates' numbers, (Q, k), -1 for padding; and scores, (Q, k), the least number of
        float32 for padding.
    """
    scores_QC = unit_rows(queries_QD) @ unit_rows(candidates_CD).T
    order = np.argsort(-scores_QC, axis=1, kind="stable")[:, :k]
    scores_QK = np.take_along_axis(scores_QC, order, axis=1)
    lack = ((0, 0), (0, max(0, k - order.shape[1])))
    least = np.finfo(np.float32).min
    return np.pad(order, lack, constant_values=-1), np.pad(scores_QK, lack, constant_values=least)


def peer_metrics(
    task: Task,
    pool: Sequence[Item],
    queries_QD: FloatArray,
    candidates_CD: FloatArray,
    ranks: Sequence[int] = RANKS,
) -> dict[int, float]:
    """The share of queries, by rank K, with a relevant candidate among the first K.

    Args:
        task: its queries are the rows of `queries_QD`, in order.
        pool: the candidates, which are the rows of `candidates_CD`: the task's own for a local
            search, those of `union_pool` for a global one.
        queries_QD, candidates_CD: raw rows, (Q, D) and (C, D).
        ranks: the K.
    """
    numbers_QK, _ = top_k(queries_QD, candidates_CD, max(ranks))
    hits: dict[int, list[bool]] = {k: [] for k in ranks}
    for query, numbers_K in zip(task.queries, numbers_QK, strict=True):
        right = task.qrels[query.id] | task.elsewhere.get(query.id, frozenset())
        hits_K = [number >= 0 and pool[number].id in right for number in numbers_K.tolist()]
        for k in ranks:
            hits[k].append(any(hits_K[:k]))
    return {k: round(float(np.mean(hits_Q)), 4) for k, hits_Q in hits.items()}


def run_lines(
    task: Task,
    pool: Sequence[Item],
    best: tuple[IntArray, FloatArray],
    run: str,
    task_id: int,
) -> Iterator[str]:
    """The lines of UniIR's run files: qid Q0 did rank score run task.

    Args:
        task: the queries.
        pool: the candidates.
        best: what `top_k` gives for them, (Q, k) each.
        run: the name of the run.
        task_id: the number of the search (`mbeir_text.TASK_IDS`).
    """
    for query, numbers, scores in zip(task.queries, *best, strict=True):
        for rank, (number, score) in enumerate(zip(numbers.tolist(), scores.tolist(), strict=True)):
            name = pool[number].id if number >= 0 else PADDING
            yield f"{query.id} Q0 {name} {rank + 1} {score} {run} {task_id}"
