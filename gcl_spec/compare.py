"""Is one run better than another on the same queries? Paired tests on per-query values."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gcl_spec.errors import InputError
from gcl_spec.evaluate import Report

__all__ = ["Paired", "paired"]


@dataclass(frozen=True, slots=True)
class Paired:
    """Mean of second minus first, its 95 % interval, and a two-sided p-value."""

    queries: int
    difference: float
    low: float
    high: float
    p_value: float


def paired(
    first: Report, second: Report, *, pool: str, metric: str, draws: int = 2_000, seed: int = 0
) -> Paired:
    """Stratified paired bootstrap interval and sign-flip permutation test.

    The difference is that of the reports' averages: kinds count alike, within a kind tasks, within
    a task queries. Sources: Efron and Tibshirani (1993), chapter 13; Smucker, Allan and Carterette
    (CIKM 2007).

    Raises:
        InputError: the reports have different queries, or not this pool or metric.
    """
    one, two = (_values(report, pool, metric) for report in (first, second))
    if {task: found.keys() for task, found in one.items()} != {
        task: found.keys() for task, found in two.items()
    }:
        raise InputError("the two reports have different queries; evaluate both on the same data")
    kinds = {r.task: r.kind for r in first.results if r.pool == pool}
    rng = np.random.default_rng(seed)
    observed, means, flipped = 0.0, np.zeros(draws), np.zeros(draws)
    for task, kind in kinds.items():
        weight = 1 / (len(set(kinds.values())) * list(kinds.values()).count(kind))
        delta_Q = np.asarray([two[task][query] - value for query, value in one[task].items()])
        count = len(delta_Q)
        observed += weight * float(delta_Q.mean())
        for n in range(draws):
            means[n] += weight * delta_Q[rng.integers(0, count, count)].mean()
            flipped[n] += weight * delta_Q @ (2.0 * rng.integers(0, 2, count) - 1.0) / count
    extreme = int((np.abs(flipped) >= abs(observed) - 1e-12).sum())
    low, high = np.quantile(means, [0.025, 0.975])
    queries = sum(len(found) for found in one.values())
    return Paired(queries, observed, float(low), float(high), (extreme + 1) / (draws + 1))


def _values(report: Report, pool: str, metric: str) -> dict[str, Mapping[str, float]]:
    found = {r.task: r.per_query.get(metric, {}) for r in report.results if r.pool == pool}
    if not found or not all(found.values()):
        raise InputError(f"a report has no values of {metric} in the pool {pool!r}")
    if len(found) != sum(r.pool == pool for r in report.results):
        raise InputError("two tasks of a report have the same name; rename one")
    return found
