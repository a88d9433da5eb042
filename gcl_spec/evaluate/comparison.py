"""Which of several runs is better, on each task and on the average, by more than chance."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.errors import InputError
from gcl_spec.evaluate.resampling import bootstrap_means, flipped_means, holm, interval, p_value
from gcl_spec.evaluate.scores import Scores, check_same, task_weights

__all__ = ["AVERAGE", "Difference", "compare"]

AVERAGE = "average"
"""What stands in place of a task's name in the difference of two averages."""

_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of one task, or of the average, of a run minus that of the first run.

    first, other: the names of the two. before, after: their values, between 0 and 1.
    low, high: the 95 % bootstrap interval of the difference.
    wins, losses: the queries whose value is higher, and lower, than in the first.
    p_value: of the sign-flip permutation test, two-sided. corrected: by Holm's method.
    """

    first: str
    other: str
    column: str
    task: str
    queries: int
    before: float
    after: float
    low: float
    high: float
    wins: int
    losses: int
    p_value: float
    corrected: float

    @property
    def difference(self) -> float:
        """The other's value minus the first's."""
        return self.after - self.before

    @property
    def verdict(self) -> Literal["WIN", "TIED", "WORSE"]:
        """What the other is beside the first; TIED where chance may have made the difference."""
        if self.corrected > _LEVEL or not self.difference:
            return "TIED"
        return "WIN" if self.difference > 0 else "WORSE"

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists."""
        return {**asdict(self), "difference": self.difference, "verdict": self.verdict}


def compare(
    first: Scores, others: Sequence[Scores], columns: Sequence[str]
) -> tuple[Difference, ...]:
    """Compare runs with the first one, query by query.

    The interval is the percentile interval of the paired bootstrap: queries are drawn again within
    each task, and the average is that of the tasks' draws (Efron and Tibshirani, 1993). Where few
    queries differ it is too narrow, as `benchmarks/coverage.py` shows; the verdict follows the
    permutation test alone, which needs no such number. Its p-values are corrected for how many
    there are, those of all tasks together, and those of all averages together (Holm, 1979).

    Args:
        first: what the others are compared with.
        others: at least one.
        columns: such as "local hit@10".

    Returns:
        For every one of the others and every column: the tasks, then the average.

    Raises:
        InputError: there is nothing to compare, or tasks or queries differ.
    """
    if not others or not columns:
        raise InputError("there is nothing to compare")
    differences: list[Difference] = []
    averages: list[int] = []
    for other in others:
        for column in columns:
            check_same(first, other, column)
            differences += _differences(first, other, column)
            averages.append(len(differences) - 1)
    for family in (averages, [n for n in range(len(differences)) if n not in averages]):
        for n, corrected in zip(
            family, holm([differences[n].p_value for n in family]), strict=True
        ):
            differences[n] = replace(differences[n], corrected=corrected)
    return tuple(differences)


def _differences(first: Scores, other: Scores, column: str) -> list[Difference]:
    # In order of names, so that draws do not depend on a file's order.
    tasks = sorted(first.columns[column], key=lambda task: task.task)
    theirs = {task.task: task for task in other.columns[column]}
    weights = task_weights(tasks)
    deltas = [
        np.asarray([theirs[task.task].values[query] - x for query, x in task.values.items()])
        for task in tasks
    ]
    draws = bootstrap_means(deltas)
    names = (first.name, other.name, column)
    rows = {
        task.task: _row(
            (*names, task.task), (task.mean, theirs[task.task].mean), [d_Q], [1.0], draws_D
        )
        for task, d_Q, draws_D in zip(tasks, deltas, draws, strict=True)
    }
    # The first one's weights hold for both: a TREC file does not know kinds of search.
    means = [[task.mean, theirs[task.task].mean] for task in tasks]
    averages = tuple((np.asarray(weights) @ np.asarray(means)).tolist())
    mean_D = np.asarray(weights) @ np.stack(draws)
    in_order = [rows[task.task] for task in first.columns[column]]
    return [*in_order, _row((*names, AVERAGE), averages, deltas, weights, mean_D)]


def _row(
    names: tuple[str, str, str, str],
    values: Sequence[float],
    deltas: Sequence[FloatArray],
    weights: Sequence[float],
    draws_D: FloatArray,
) -> Difference:
    """A difference whose p-value is not corrected yet."""
    every_Q = np.concatenate(deltas)
    low, high = interval(draws_D)
    if len(every_Q) == 1 and every_Q[0]:
        low, high = -1.0, 1.0  # a single query says nothing of the next one
    seen = sum(float(w * d_Q.mean()) for w, d_Q in zip(weights, deltas, strict=True))
    p = p_value(flipped_means(deltas, weights), seen)
    return Difference(
        *names,
        queries=len(every_Q),
        before=values[0],
        after=values[1],
        low=low,
        high=high,
        wins=int(np.count_nonzero(every_Q > 0)),
        losses=int(np.count_nonzero(every_Q < 0)),
        p_value=p,
        corrected=p,
    )
