"""The figures of a published benchmark's table, for any model, by the benchmark's own rules.

They differ from those of `evaluation` in this: a candidate with the query's own content competes,
unless the benchmark itself leaves it out, so that a figure can stand beside those of papers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.errors import DataError
from gcl_spec.evaluate.calibrations.known import Chain, apply_to_items
from gcl_spec.evaluate.calibrations.rows import Encode, Role, encoded
from gcl_spec.evaluate.ranked import Ranked, ranked
from gcl_spec.evaluate.trec_folder import Watch
from gcl_spec.search.exact import LazyRows
from gcl_spec.tasks.peers.mixbench import peer_metrics
from gcl_spec.tasks.task import Item, Task, union_pool

__all__ = ["OF_FOUND", "Figure", "average", "measure"]

OF_FOUND = "ndcg-of-found@10"
"""nDCG@10 as GR-CLIP's code has it: the ideal is made of the ten candidates that were found."""

_WIDE = ("fashion200k", "fashioniq")


@dataclass(frozen=True, slots=True)
class Figure:
    """One cell of a table.

    column: its column, such as "local hit@5".
    metric: what it is, which for two data sets of M-BEIR is another rank than the column's.
    band: the (pessimistic, expected, optimistic) means over the queries.
    unanswerable: how many queries have nothing to find in the pool; each of them counts as 0.
    per_query: the expected value by query id.
    """

    task: str
    column: str
    metric: str
    band: tuple[float, float, float]
    candidates: int
    unanswerable: int
    per_query: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists."""
        return asdict(self)


def measure(
    encode: Encode,
    tasks: Sequence[Task],
    columns: Sequence[str],
    calibration: Chain | None = None,
    *,
    watch: Watch | None = None,
    read_pool: Callable[[Sequence[Item]], LazyRows] | None = None,
) -> tuple[Figure, ...]:
    """The figures of tasks, in the order of tasks and columns.

    Args:
        encode: makes unit rows (N, D) float32 of N items.
        tasks: of one benchmark.
        columns: such as "global hit@50": a pool and a metric.
        calibration: what is made of the rows before they are searched.
        watch: is shown all scores as they are ranked.
        read_pool: gives the rows of candidates instead, where they are searched as they are stored.

    Raises:
        DataError: there is no task.
        InputError: an embedding is not finite.
    """
    if not tasks:
        raise DataError("there is no task to evaluate")
    pools = {column.split()[0] for column in columns}
    union = union_pool(tasks) if "global" in pools else ()

    def rows(items: Sequence[Item], role: Role) -> FloatArray:
        return _rows(encode, items, calibration, role)

    def pool_rows(items: Sequence[Item]) -> FloatArray | LazyRows:
        return rows(items, "candidate") if read_pool is None else read_pool(items)

    union_z = pool_rows(union) if len(union) else np.zeros((0, 0), np.float32)
    figures: list[Figure] = []
    for task in tasks:
        queries_z = rows(task.queries, "query")
        for pool in ("local", "global"):
            wanted = [column for column in columns if column.startswith(f"{pool} ")]
            if wanted and pool == "local":
                own = task.candidates
                figures += _figures(task, own, (queries_z, pool_rows(own)), wanted, watch)
            elif wanted:
                figures += _figures(task, union, (queries_z, union_z), wanted, watch)
    order = {column: place for place, column in enumerate(columns)}
    names = {task.name: place for place, task in enumerate(tasks)}
    return tuple(sorted(figures, key=lambda figure: (names[figure.task], order[figure.column])))


def average(figures: Sequence[Figure], column: str) -> float:
    """The mean of a column over the tasks, each counted once."""
    return float(np.mean([figure.band[1] for figure in figures if figure.column == column]))


def _rows(
    encode: Encode, items: Sequence[Item], calibration: Chain | None, role: Role
) -> FloatArray:
    if calibration is None:
        return encoded(items, encode)
    return apply_to_items(calibration, items, encode, [role])[role]


def _figures(
    task: Task,
    candidates: Sequence[Item],
    rows: tuple[FloatArray, FloatArray | LazyRows],
    columns: Sequence[str],
    watch: Watch | None,
) -> list[Figure]:
    pool = columns[0].split()[0]
    metrics = {column: _metric(task.name, column.split()[1]) for column in columns}
    asked = [metric for metric in metrics.values() if metric != OF_FOUND]
    task_metrics = ranked(task, pool, candidates, rows, asked, watch=watch, twins_compete=True)
    if len(asked) < len(metrics):
        values_Q = [value.peer for value in peer_metrics(task, rows[0], rows[1][:])]
        task_metrics = Ranked(
            {**task_metrics.bands, OF_FOUND: np.stack([values_Q] * 3)}, task_metrics.unanswerable
        )
    return [
        Figure(
            task=task.name,
            column=column,
            metric=metric,
            band=task_metrics.means(metric),
            candidates=len(candidates),
            unanswerable=task_metrics.unanswerable,
            per_query=task_metrics.expected(metric, task.queries),
        )
        for column, metric in metrics.items()
    ]


def _metric(task: str, metric: str) -> str:
    """The metric of a column for a task: hit@10 instead of hit@5 for two data sets of M-BEIR."""
    wide = metric == "hit@5" and task.partition("_task")[0] in _WIDE and "_task" in task
    return "hit@10" if wide else metric
