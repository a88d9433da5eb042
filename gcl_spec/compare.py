"""Is one run better than another on the same queries? Paired tests on per-query values."""

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
    first: Report, second: Report, *, pool: str, metric: str, draws: int = 10_000, seed: int = 0
) -> Paired:
    """Paired bootstrap interval and sign-flip permutation test over all queries of all tasks.

    Queries count alike here, while a report's average counts kinds alike. Sources: Efron and
    Tibshirani (1993), chapter 13; Smucker, Allan and Carterette (CIKM 2007).

    Raises:
        InputError: the reports have different queries.
    """
    values = [_values(report, pool, metric) for report in (first, second)]
    if values[0].keys() != values[1].keys():
        raise InputError("the two reports have different queries; evaluate both on the same data")
    if not values[0]:
        raise InputError(f"no result for the pool {pool!r}")
    delta_Q = np.asarray([values[1][key] - values[0][key] for key in values[0]])
    rng = np.random.default_rng(seed)
    observed, count = float(delta_Q.mean()), len(delta_Q)
    means, extreme = np.empty(draws), 0
    for n in range(draws):
        means[n] = delta_Q[rng.integers(0, count, count)].mean()
        flipped = delta_Q @ (2.0 * rng.integers(0, 2, count) - 1.0) / count
        extreme += abs(flipped) >= abs(observed) - 1e-12
    low, high = np.quantile(means, [0.025, 0.975])
    return Paired(count, observed, float(low), float(high), (extreme + 1) / (draws + 1))


def _values(report: Report, pool: str, metric: str) -> dict[tuple[str, str], float]:
    return {
        (result.task, query): value
        for result in report.results
        if result.pool == pool
        for query, value in result.per_query[metric].items()
    }
