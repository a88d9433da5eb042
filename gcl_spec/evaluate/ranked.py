"""Ranks the candidates of a task's queries, and keeps the values of metrics."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.evaluate.per_query import Pools, pools_of
from gcl_spec.evaluate.trec_folder import Seen, Watch
from gcl_spec.recall import Band, Ranking, RankingStream
from gcl_spec.search.exact import LazyRows
from gcl_spec.search.scores import InnerProducts, Scores
from gcl_spec.tasks.task import Item, Task

__all__ = ["Ranked", "ranked"]

_UNITS = 10.0**6
"""Scores are ranked in millionths: from the seventh decimal on, a float32 cosine is rounding."""
_QUERIES = 1024
"""How many queries are ranked at once; all candidates are read once for each such group."""
_WHOLE_BYTES = 64 * 2**20
"""How many bytes of scores are held where all scores of a query are wanted at once."""


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
    rows: tuple[FloatArray, FloatArray | LazyRows] | Scores,
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
        rows: of the queries, (Q, D), and of the candidates, (C, D), which are scored by their inner
            products; or other scores.
        metrics: names that `gcl_spec.recall.Ranking.metric` knows.
        watch: is shown all scores as they are ranked.
        twins_compete: as in `pools_of`.
    """
    pools = pools_of(task, candidates, local=pool == "local", twins_compete=twins_compete)
    bands_by_metric: dict[str, list[Band]] = {metric: [] for metric in metrics}
    unanswerable = 0
    scores = InnerProducts(*rows) if isinstance(rows, tuple) else rows
    held = scores.whole or watch is not None or bool(pools.limited_Q.any())
    for part in _parts(len(task.queries), len(candidates), held=held):
        kept: list[FloatArray] = []
        ranking = _streamed(pools, part, scores, kept if watch else None)
        unanswerable += int(np.count_nonzero(~ranking.known_Q))
        if watch is not None:
            scores_QC = np.concatenate(kept, axis=1) / _UNITS
            right_P2, gains_P = pools.relevant(part), pools.gains(part)
            out = pools.left_out(part, len(candidates))
            watch(Seen(task, pool, candidates, part, scores_QC, right_P2, gains_P, out))
        for metric, bands in bands_by_metric.items():
            bands.append(ranking.metric(metric))
    return Ranked({name: _whole(bands) for name, bands in bands_by_metric.items()}, unanswerable)


def _parts(queries: int, candidates: int, *, held: bool) -> Iterator[slice]:
    """Slices of the queries, smaller ones where something of the shape (Q, C) is held."""
    most = _WHOLE_BYTES // (8 * max(1, candidates)) if held else _QUERIES
    size = max(1, min(_QUERIES, most))
    for start in range(0, queries, size):
        yield slice(start, min(start + size, queries))


def _streamed(pools: Pools, part: slice, scores: Scores, kept: list[FloatArray] | None) -> Ranking:
    """The ranking of all candidates for a slice of the queries.

    Args:
        pools: what each query is to find.
        part: which queries.
        scores: those of all queries and candidates.
        kept: gets the scores, in millionths, of each chunk of candidates.
    """
    right_P2, out = pools.relevant(part), pools.left_out(part, len(scores))
    # Millionths as whole numbers are in the order of the scores.
    scores_P, chunks = scores.of(part, right_P2, out)
    limited = out.dtype == bool
    stream = RankingStream(
        np.rint(scores_P * _UNITS),
        right_P2,
        queries=part.stop - part.start,
        gains=pools.gains(part),
        left_out=() if limited else out,
        no_relevant="nan",
    )
    for chunk, scores_QC in chunks:
        scores_QC *= _UNITS
        np.rint(scores_QC, out=scores_QC)
        stream.add(scores_QC, left_out=out[:, chunk] if limited else None)
        if kept is not None:
            kept.append(scores_QC)
    return stream.ranking()


def _whole(bands: Sequence[Band]) -> FloatArray:
    """The bands of all queries, (3, Q), 0 where a query has nothing to find."""
    return np.nan_to_num(np.concatenate(bands, axis=1), nan=0.0)
