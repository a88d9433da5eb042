"""Evaluates a model on tasks, in local and global pools, with the geometry of its space beside."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from gcl_spec import geometry
from gcl_spec._typing import FloatArray
from gcl_spec.errors import DataError
from gcl_spec.evaluate.calibrations.known import Chain
from gcl_spec.evaluate.calibrations.rows import Encode
from gcl_spec.evaluate.ranked import ranked
from gcl_spec.evaluate.searched import Search, searched
from gcl_spec.evaluate.trec_folder import Watch
from gcl_spec.objective import in_order, name_parts
from gcl_spec.search.scores import Scores
from gcl_spec.tasks.task import MIXED, Item, Task, answers

__all__ = ["METRICS", "Report", "TaskResult", "evaluate", "measured"]

METRICS = ("hit@1", "hit@5", "hit@10", "recall@10", "ndcg@10", "mrr")


@dataclass(frozen=True, slots=True)
class TaskResult:
    """The result of one task in one pool.

    metrics: the means over the queries of each metric's (pessimistic, expected, optimistic) value.
    per_query: the expected value of each metric, by query id.
    """

    task: str
    kind: str
    pool: str
    queries: int
    candidates: int
    metrics: Mapping[str, tuple[float, float, float]]
    per_query: Mapping[str, Mapping[str, float]]

    def value(self, metric: str) -> float:
        """The expected value of a metric, between 0 and 1."""
        return self.metrics[metric][1]


@dataclass(frozen=True, slots=True)
class Report:
    """All tasks in both pools, and the geometry of all embeddings."""

    results: tuple[TaskResult, ...]
    geometry: Mapping[str, float]

    def modalities(self) -> tuple[str, ...]:
        """The modalities that searches are between, fused ones last; each part by its name."""
        return in_order(
            name for r in self.results if r.kind != MIXED for name in r.kind.split("->")
        )

    def kinds(self) -> tuple[str, ...]:
        """The kinds of search that occur, in the order of `modalities`, and "mixed" last."""
        kinds = {result.kind for result in self.results}
        order = self.modalities()
        known = [f"{a}->{b}" for a in order for b in order]
        return (*(k for k in known if k in kinds), *sorted(kinds - set(known)))

    def value(self, kind: str, pool: str, metric: str) -> float:
        """The mean of a metric over the tasks of one kind."""
        values = [r.value(metric) for r in self.results if (r.kind, r.pool) == (kind, pool)]
        return float(np.mean(values))

    def average(self, pool: str, metric: str) -> float:
        """The mean of a metric over the kinds, each counted once."""
        return float(np.mean([self.value(kind, pool, metric) for kind in self.kinds()]))

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists; `from_json` gives the report back."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any], metrics: Sequence[str] = METRICS) -> "Report":
        """The report that `to_json` wrote.

        Args:
            data: what it gave.
            metrics: the names of all metrics that it has.

        Raises:
            DataError: the data is no report.
        """
        try:
            results = tuple(
                TaskResult(**{**r, "metrics": {k: tuple(v) for k, v in r["metrics"].items()}})
                for r in data["results"]
            )
            geometry = {name: float(value) for name, value in data["geometry"].items()}
            for result in results:
                names = (result.task, result.kind, result.pool)
                if not all(isinstance(name, str) for name in names):
                    raise ValueError(f"the names {names!r:.80} are not texts")
                if not all(isinstance(values, dict) for values in result.per_query.values()):
                    raise ValueError(f"queries of {result.task}")
                if not set(result.metrics) == set(result.per_query) == set(metrics):
                    raise ValueError(f"metrics of {result.task}")
                if any(len([float(v) for v in band]) != 3 for band in result.metrics.values()):
                    raise ValueError(f"bands of {result.task}")
            if not results:
                raise ValueError("no results")
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise DataError(f"not a report of gcl eval: {error!r}") from error
        return cls(results, geometry)


def evaluate(
    encode: Encode,
    tasks: Sequence[Task],
    calibration: Chain | None = None,
    *,
    watch: Watch | None = None,
) -> Report:
    """Search every task in its own candidates and in the union of all tasks' candidates.

    Relevance in the global pool is the task's own, as in M-BEIR (arXiv 2311.17136): for a text that
    looks for pictures all texts are wrong answers. A candidate with exactly the query's content is
    left out of that query's pool unless it is relevant, because finding oneself is no answer (the
    rule of WebVid-CoVR, arXiv 2308.14746). What a task says of its queries (`Task.left_out`,
    `Task.elsewhere`, and in its own pool `Task.choices`) holds; one without anything to find has 0.
    The gains of nDCG are `Task.grades`.

    Args:
        encode: makes unit rows (N, D) float32 of N items.
        tasks: one task at least.
        calibration: what is made of the rows before they are searched; the geometry is that of the
            candidates it makes, without the numbers that it appends.
        watch: is shown all scores as they are ranked.

    Returns:
        The report. Scores that are equal to 6 decimals count as tied (`gcl_spec.recall`).

    Raises:
        DataError: there is no task.
    """
    encoded_items = searched(encode, tasks, calibration)
    results = []
    for search in encoded_items.searches:
        rows = search.queries_QD, encoded_items.rows_ND[search.rows_C]
        results.append(measured(search, rows, watch))
    appended = 0 if calibration is None else calibration.appended
    z_ND = encoded_items.rows_ND[:, : encoded_items.rows_ND.shape[1] - appended]
    space = _geometry(
        encoded_items.items, z_ND, tasks, lambda items: z_ND[encoded_items.numbers(items)]
    )
    return Report(tuple(results), space)


def measured(
    search: Search,
    rows: tuple[FloatArray, FloatArray] | Scores,
    watch: Watch | None = None,
    metrics: Sequence[str] = METRICS,
) -> TaskResult:
    """The result of one search.

    Args:
        search: who is searched for what.
        rows: of the queries, (Q, D), and of the candidates, (C, D); or their scores.
        watch: is shown all scores as they are ranked.
        metrics: names that `gcl_spec.recall.Ranking.metric` knows.
    """
    task = search.task
    task_metrics = ranked(task, search.pool, search.candidates, rows, metrics, watch=watch)
    return TaskResult(
        task=task.name,
        kind=task.kind,
        pool=search.pool,
        queries=len(task.queries),
        candidates=len(search.candidates),
        metrics={metric: task_metrics.means(metric) for metric in metrics},
        per_query={metric: task_metrics.expected(metric, task.queries) for metric in metrics},
    )


def _geometry(
    items: Sequence[Item], z_ND: FloatArray, tasks: Sequence[Task], embed: Encode
) -> Mapping[str, float]:
    names = np.asarray([item.modality for item in items])
    rows = {name: z_ND[names == name] for name in in_order(names.tolist())}
    measures = {"effective rank": geometry.effective_rank(z_ND)}
    for name, z in rows.items():
        measures[f"effective rank, {name}"] = geometry.effective_rank(z)
        measures[f"anisotropy, {name}"] = geometry.anisotropy(z)
    given = [name for name in rows if len(name_parts(name)) == 1]
    for a, b in combinations(given, 2):
        measures[f"cosine of {a} and {b} means"] = geometry.mean_cosine(rows[a], rows[b])
        measures[f"distance of {a} and {b} means"] = geometry.centroid_distance(rows[a], rows[b])
    for a, b in combinations(given, 2):
        pairs = [x for task in tasks if task.kind == f"{b}->{a}" for x in answers(task)]
        if pairs:
            asked, right = zip(*pairs, strict=True)
            distance = geometry.paired_distance(embed(asked), embed(right))
            measures[f"mean distance of {b} and its {a}"] = distance
    return measures
