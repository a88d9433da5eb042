"""Says whether one run is better than another on the same queries, by paired tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, pi, sqrt

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.errors import InputError
from gcl_spec.evaluate.evaluation import Report

__all__ = ["Paired", "paired"]

# The spread is estimated with these queries beside the real ones, over all tasks together: one that
# both runs answer, one that neither does, one that only the first and one that only the second
# does.
_ADDED = 4.0


@dataclass(frozen=True, slots=True)
class Paired:
    """The mean of second minus first, its 95 % interval, and a two-sided p-value.

    changed: how many of the queries have another value in the second report than in the first.
    """

    queries: int
    changed: int
    difference: float
    low: float
    high: float
    p_value: float


def paired(
    first: Report, second: Report, *, pool: str, metric: str, draws: int = 2_000, seed: int = 0
) -> Paired:
    """A stratified paired t interval, and a sign-flip permutation test.

    The difference is that of the reports' averages: kinds count alike, within a kind tasks, within
    a task queries. The interval has the degrees of freedom of Welch (Biometrika 1947) and
    Satterthwaite (Biometrics 1946). Its spread is estimated with four queries more, one for each
    outcome of a pair of hits, shared among the tasks (Agresti and Coull, 1998; Agresti and Min,
    Statistics in Medicine 2005): where few queries differ, the spread that was seen is too small,
    and where none does, it is zero, though the next query may differ. So equal reports never give
    an interval of width 0. The interval is kept within -1 and 1, which a single query always gets.
    `benchmarks/coverage.py` measures how often it holds the true difference. The test is that of
    Smucker, Allan and Carterette (CIKM 2007).

    Args:
        first, second: evaluations of the same tasks.
        pool: "local" or "global".
        metric: the name of a metric, such as "hit@10".
        draws: the number of random signs of the test.
        seed: of the draws.

    Raises:
        InputError: the reports have different queries, or not this pool or metric, or a value that
            no metric has.
    """
    one, two = (_values(report, pool, metric) for report in (first, second))
    if {task: values.keys() for task, values in one.items()} != {
        task: values.keys() for task, values in two.items()
    }:
        raise InputError("the two reports have different queries; evaluate both on the same data")
    kinds = {r.task: r.kind for r in first.results if r.pool == pool}
    of_kind = list(kinds.values())
    weights = [1 / (len(set(of_kind)) * of_kind.count(kind)) for kind in of_kind]
    deltas = [
        np.asarray([two[task][query] - value for query, value in one[task].items()])
        for task in kinds
    ]
    difference = sum(w * float(d_Q.mean()) for w, d_Q in zip(weights, deltas, strict=True))
    queries = sum(map(len, deltas))
    half = _half_width(deltas, weights) if queries > 1 else 2.0
    return Paired(
        queries=queries,
        changed=sum(int(np.count_nonzero(d_Q)) for d_Q in deltas),
        difference=difference,
        low=max(-1.0, difference - half),
        high=min(1.0, difference + half),
        p_value=_p_value(deltas, weights, difference, draws, np.random.default_rng(seed)),
    )


def _half_width(deltas: Sequence[FloatArray], weights: Sequence[float]) -> float:
    """Half of the 95 % interval of the weighted mean of the tasks' mean differences.

    With the weight w, the variance v and the number n of queries of each task, it is t times the
    root of V = sum w^2 v / n, where t has V^2 / sum (w^2 v / n)^2 / (n - 1) degrees of freedom
    (Welch and Satterthwaite).
    """
    variance = smoothness = 0.0
    for weight, delta_Q in zip(weights, deltas, strict=True):
        added = _ADDED / len(deltas)
        count = len(delta_Q) + added
        squares = float(delta_Q @ delta_Q) + added / 2
        spread = (squares - float(delta_Q.sum()) ** 2 / count) / (count - 1)
        of_task = weight**2 * spread / count
        variance += of_task
        smoothness += of_task**2 / (count - 1)
    return _t_quantile(variance**2 / smoothness) * sqrt(variance)


def _t_quantile(freedom: float) -> float:
    """The value that |t| exceeds in 5 % of all cases, for any number of degrees of freedom.

    t = sqrt(freedom) tan(angle) has a density proportional to cos(angle) ** (freedom - 1). Beyond
    10,000 degrees the quantile is that of the normal distribution to four digits.

    >>> [round(_t_quantile(freedom), 3) for freedom in (1, 4, 10, 100)]
    [12.706, 2.776, 2.228, 1.984]
    """
    freedom = min(max(freedom, 1.0), 1e4)
    angles = np.linspace(0.0, pi / 2, 20_001)
    density = np.cos(angles) ** (freedom - 1)
    mass = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return float(sqrt(freedom) * np.tan(np.interp(0.95 * mass[-1], mass, angles)))


def _p_value(
    deltas: Sequence[FloatArray],
    weights: Sequence[float],
    difference: float,
    draws: int,
    rng: np.random.Generator,
) -> float:
    """The share of random signs of the differences that bring their mean as far from 0 as it is."""
    flipped = np.zeros(draws)
    for weight, delta_Q in zip(weights, deltas, strict=True):
        count = len(delta_Q)
        for n in range(draws):
            flipped[n] += weight * delta_Q @ (2.0 * rng.integers(0, 2, count) - 1.0) / count
    extreme = int((np.abs(flipped) >= abs(difference) - 1e-12).sum())
    return (extreme + 1) / (draws + 1)


def _values(report: Report, pool: str, metric: str) -> dict[str, Mapping[str, float]]:
    results = [r for r in report.results if r.pool == pool]
    values_by_task = {r.task: r.per_query.get(metric, {}) for r in results}
    if not values_by_task or not all(values_by_task.values()):
        raise InputError(f"a report has no values of {metric} in the pool {pool!r}")
    if len(values_by_task) != len(results):
        raise InputError("two tasks of a report have the same name; rename one")
    for task, values in values_by_task.items():
        for query, value in values.items():
            if not isinstance(value, int | float) or not (isfinite(value) and 0 <= value <= 1):
                raise InputError(
                    f"{metric} of the query {query!r} of {task!r} is {value!r}, and not between 0 "
                    "and 1; write the report again with gcl eval --json"
                )
    return values_by_task
