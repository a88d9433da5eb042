"""How often does the 95 % interval of `gcl eval --against` hold the true difference?

python benchmarks/coverage.py [--trials 2000]

It draws queries whose true mean difference is known, and prints for each setting the share of
intervals that hold it and their mean width: for `gcl_spec.evaluate.significance.paired`, for the
same t interval without added queries, and for the percentile bootstrap. A setting is a number of
queries a task, and what a query can do.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from math import sqrt

import numpy as np
from scipy import stats

from gcl_spec.evaluate.evaluation import Report, TaskResult
from gcl_spec.evaluate.significance import paired

Draw = Callable[[np.random.Generator, int], np.ndarray]
Interval = Callable[[Sequence[np.ndarray], np.random.Generator], tuple[float, float]]

COUNTS = ((1,), (8,), (10,), (20,), (50,), (330,), (8, 40, 60), (8,) * 9, (37,) * 9, (2, 100))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=2_000)
    trials = parser.parse_args().trials
    intervals: Mapping[str, Interval] = {"paired": of_paired, "t": of_t, "bootstrap": of_bootstrap}
    print(f"| queries | differences | {' | '.join(intervals)} |\n| --- | --- |{' --: |' * 3}")
    for counts in COUNTS:
        shown = f"9 tasks of {counts[0]}" if len(counts) == 9 else ", ".join(map(str, counts))
        for name, (draw, truth) in differences().items():
            rng = np.random.default_rng(0)
            cells = cover(intervals, counts, draw, truth, trials, rng)
            print(f"| {shown} | {name} | {' | '.join(cells)} |", flush=True)


def hits(better: float, worse: float) -> tuple[Draw, float]:
    """A draw of differences of hit@10: 1 and -1 with these probabilities, else 0."""
    p = (better, worse, 1 - better - worse)
    return lambda rng, n: rng.choice([1.0, -1.0, 0.0], n, p=p), better - worse


def differences() -> Mapping[str, tuple[Draw, float]]:
    def skewed(rng: np.random.Generator, n: int) -> np.ndarray:
        """Differences of nDCG: most queries are as before, a few better by up to 1."""
        return np.where(rng.random(n) < 0.2, rng.beta(1, 2, n), 0.0)

    return {
        "hits, 15 % better, 5 % worse": hits(0.15, 0.05),
        "hits, 30 % better, 10 % worse": hits(0.3, 0.1),
        "hits, 10 % better, 10 % worse": hits(0.1, 0.1),
        "hits, 90 % better": hits(0.9, 0.0),
        "hits, rare: 5 % better": hits(0.05, 0.0),
        "hits, rarer: 1 % better": hits(0.01, 0.0),
        "skewed: 20 % better by 0 to 1": (skewed, 0.2 / 3),
        "normal: mean 0.05, deviation 0.2": (
            lambda rng, n: np.clip(rng.normal(0.05, 0.2, n), -1, 1),
            0.05,
        ),
    }


def cover(
    intervals: Mapping[str, Interval],
    counts: Sequence[int],
    draw: Draw,
    truth: float,
    trials: int,
    rng: np.random.Generator,
) -> list[str]:
    held, width = np.zeros(len(intervals)), np.zeros(len(intervals))
    for _ in range(trials):
        deltas = [draw(rng, count) for count in counts]
        for n, interval in enumerate(intervals.values()):
            low, high = interval(deltas, rng)
            held[n] += low - 1e-12 <= truth <= high + 1e-12
            width[n] += high - low
    return [f"{h / trials:.3f} ({w / trials:.2f})" for h, w in zip(held, width, strict=True)]


def of_paired(deltas: Sequence[np.ndarray], rng: np.random.Generator) -> tuple[float, float]:
    first = report([np.maximum(-delta, 0) for delta in deltas])
    second = report([np.maximum(delta, 0) for delta in deltas])
    interval = paired(first, second, pool="local", metric="hit@10", draws=1)
    return interval.low, interval.high


def report(values: Sequence[np.ndarray]) -> Report:
    results = [
        TaskResult(
            str(task),
            "text->image",
            "local",
            len(scores),
            0,
            {},
            {"hit@10": dict(zip(map(str, range(len(scores))), scores.tolist(), strict=True))},
        )
        for task, scores in enumerate(values)
    ]
    return Report(tuple(results), {})


def of_t(deltas: Sequence[np.ndarray], rng: np.random.Generator) -> tuple[float, float]:
    """The interval of Welch and Satterthwaite as in a textbook."""
    mean = float(np.mean([delta.mean() for delta in deltas]))
    if min(map(len, deltas)) < 2:
        return mean, mean
    parts = np.asarray([delta.var(ddof=1) / len(delta) for delta in deltas]) / len(deltas) ** 2
    if not parts.any():
        return mean, mean
    freedom = parts.sum() ** 2 / sum(
        p**2 / (len(d) - 1) for p, d in zip(parts, deltas, strict=True)
    )
    half = stats.t.ppf(0.975, freedom) * sqrt(parts.sum())
    return mean - half, mean + half


def of_bootstrap(deltas: Sequence[np.ndarray], rng: np.random.Generator) -> tuple[float, float]:
    """The interval of the percentiles of 500 means of queries drawn again within each task."""
    means = np.zeros(500)
    for delta in deltas:
        means += delta[rng.integers(0, len(delta), (500, len(delta)))].mean(axis=1) / len(deltas)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    main()
