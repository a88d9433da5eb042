"""Ranks the candidates of a task's queries, and keeps the values of metrics."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.evaluate.per_query import pools_of
from gcl_spec.evaluate.trec_folder import Seen, Watch
from gcl_spec.recall import Band, rank
from gcl_spec.search.exact import score_chunks
from gcl_spec.tasks.task import Item, Task

__all__ = ["Ranked", "ranked"]

_DECIMALS = 6
"""The seventh decimal of a float32 cosine is rounding: what is equal to six is tied."""


class Ranked(NamedTuple):
    """The metrics of a task in one pool.

    bands: by metric the pessimistic, expected and optimistic value of every query, (3, Q); a query
    that has nothing to find has 0. unanswerable: how many have not.
    """

    bands: Mapping[str, FloatArray]
    unanswerable: int

    def means(self, metric: str) -> tuple[float, float, float]:
        """The pessimistic, expected and optimistic mean of a metric over the queries."""
        low, expected, high = self.bands[metric].mean(axis=1).tolist()
        return low, expected, high

    def expected(self, metric: str, queries: Sequence[Item]) -> dict[str, float]:
        """The expected value of a metric by query id, of all queries in their order."""
        return dict(zip((q.id for q in queries), self.bands[metric][1].tolist(), strict=True))


def ranked(
    task: Task,
    pool: str,
    candidates: Sequence[Item],
    rows: tuple[FloatArray, FloatArray],
    metrics: Sequence[str],
    *,
    watch: Watch | None = None,
    twins_compete: bool = False,
) -> Ranked:
    """Search a pool for every query of a task.

    The gains of nDCG are the task's grades. Scores that are equal to 6 decimals are tied.

    Args:
        task: the task, with ids as in the pool.
        pool: "local", the task's own, or "global".
        candidates: the pool.
        rows: of the queries, (Q, D), and of the candidates, (C, D).
        metrics: names that `gcl_spec.recall.Ranking.metric` knows.
        watch: is shown all scores as they are ranked.
        twins_compete: as in `pools_of`.
    """
    pools = pools_of(task, candidates, local=pool == "local", twins_compete=twins_compete)
    found: dict[str, list[Band]] = {metric: [] for metric in metrics}
    unanswerable = 0
    # It is in float64: in float32 equal candidates differ by their place in the product, so that
    # they are no longer tied.
    queries_QD, candidates_CD = (x.astype(np.float64) for x in rows)
    for part, scores_QC in score_chunks(queries_QD, candidates_CD):
        # Whole numbers of the last digit that counts are in the order of the rounded scores.
        scores_QC *= 10.0**_DECIMALS
        np.rint(scores_QC, out=scores_QC)
        right_P2, gains_P = pools.relevant(part), pools.gains(part)
        out = pools.left_out(part, len(candidates))
        unanswerable += len(scores_QC) - len(np.unique(right_P2[:, 0]))
        ranking = rank(scores_QC, right_P2, gains=gains_P, left_out=out, no_relevant="nan")
        if watch is not None:
            cosines_QC = scores_QC / 10.0**_DECIMALS
            watch(Seen(task, pool, candidates, part, cosines_QC, right_P2, gains_P, out))
        for metric, bands in found.items():
            bands.append(ranking.metric(metric))
    return Ranked({name: _whole(bands) for name, bands in found.items()}, unanswerable)


def _whole(bands: Sequence[Band]) -> FloatArray:
    """The bands of all queries, (3, Q), 0 where a query has nothing to find."""
    return np.nan_to_num(np.concatenate(bands, axis=1), nan=0.0)
