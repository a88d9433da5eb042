"""Paired comparison of two reports: what the interval and the p-value promise."""

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from gcl_spec.errors import InputError
from gcl_spec.evaluate.evaluation import Report, TaskResult
from gcl_spec.evaluate.significance import Paired, paired

Values = Mapping[str, Sequence[float]]


def report(values: Values, pool: str = "local", kinds: Mapping[str, str] | None = None) -> Report:
    """hit@10 of each query, by task."""
    results = tuple(
        TaskResult(
            task=task,
            kind=(kinds or {}).get(task, "text->image"),
            pool=pool,
            queries=len(found),
            candidates=9,
            metrics={"hit@10": (float(np.mean(found)),) * 3},
            per_query={"hit@10": {f"q{n}": value for n, value in enumerate(found)}},
        )
        for task, found in values.items()
    )
    return Report(results, {})


def of(deltas: Values, kinds: Mapping[str, str] | None = None, draws: int = 200) -> Paired:
    """The comparison of two reports with these differences of each query."""
    first = {task: [max(0.0, -d) for d in found] for task, found in deltas.items()}
    second = {task: [max(0.0, d) for d in found] for task, found in deltas.items()}
    one, two = report(first, kinds=kinds), report(second, kinds=kinds)
    return paired(one, two, pool="local", metric="hit@10", draws=draws)


def test_the_same_report_twice() -> None:
    """Nothing differs; the next query may, so the interval has a width, fewer queries a wider one.

    With no difference in n queries, the truth may be as far off as 3 in n ("rule of three").
    """
    few, many = of({"t": [0.0] * 10}), of({"t": [0.0] * 300})
    assert (few.difference, few.changed, few.queries, few.p_value) == (0.0, 0, 10, 1.0)
    assert few.low == -few.high < -0.2
    assert 0.008 < many.high < 0.011 < few.high


def test_a_better_run() -> None:
    found = of({"t": [1.0] * 12 + [0.0] * 28})
    assert found.difference == pytest.approx(0.3)
    assert found.changed == 12
    assert 0.1 < found.low < found.difference < found.high < 0.5
    assert found.p_value < 0.01
    assert found == of({"t": [1.0] * 12 + [0.0] * 28}), "seeded"
    worse = of({"t": [-1.0] * 12 + [0.0] * 28})
    assert (worse.low, worse.high) == pytest.approx((-found.high, -found.low))


def test_the_interval_by_hand() -> None:
    """One task, four queries, differences 1, 1, 0, -1: eight with the four that are added."""
    mean, spread = 1 / 8, (5 - 8 * (1 / 8) ** 2) / 7
    half = 2.3646 * (spread / 8) ** 0.5  # the t quantile of 7 degrees
    found = of({"t": [1.0, 1.0, 0.0, -1.0]})
    assert found.difference == 2 * mean
    assert found.high - found.difference == pytest.approx(half, rel=1e-4)


@pytest.mark.parametrize("delta", [0.0, 1.0, -1.0])
def test_one_query_tells_nothing(delta: float) -> None:
    found = of({"t": [delta]})
    assert (found.low, found.high, found.p_value) == (-1.0, 1.0, 1.0)


def test_three_tasks_of_one_query() -> None:
    found = of({"a": [1.0], "b": [0.0], "c": [0.0]})
    assert -1 < found.low < 0 < found.difference < found.high <= 1


def test_a_task_of_one_query_widens_the_whole() -> None:
    sure, unsure = of({"a": [0.0] * 99, "b": [0.0] * 99}), of({"a": [0.0] * 99, "b": [0.0]})
    assert unsure.high > 10 * sure.high


def test_kinds_count_alike_and_within_a_kind_tasks() -> None:
    kinds = {"a": "text->image", "b": "text->image", "c": "image->text"}
    found = of({"a": [1.0] * 30, "b": [0.0] * 10, "c": [0.0] * 10}, kinds)
    assert found.difference == pytest.approx(0.25)
    assert found.queries == 50


@pytest.mark.parametrize(
    ("draw", "truth"),
    [
        (lambda rng, n: rng.choice([1.0, 0.0, -1.0], n, p=[0.15, 0.8, 0.05]), 0.1),
        (lambda rng, n: rng.choice([1.0, 0.0], n, p=[0.05, 0.95]), 0.05),
        (lambda rng, n: np.clip(rng.normal(0.1, 0.2, n), -1, 1), 0.1),
    ],
)
@pytest.mark.parametrize("counts", [(10,), (8, 40, 60)])
def test_the_truth_is_inside_95_times_in_100(
    draw: Callable[[np.random.Generator, int], np.ndarray], truth: float, counts: Sequence[int]
) -> None:
    """Seeded. The percentile bootstrap held it 41 to 92 times: see benchmarks/coverage.py."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(300):
        deltas = {f"t{n}": draw(rng, n).tolist() for n in counts}
        found = of(deltas, draws=1)
        held += found.low <= truth <= found.high
    assert held >= 0.93 * 300


def test_reports_that_cannot_be_compared() -> None:
    one = report({"t": [1.0, 0.0]})
    with pytest.raises(InputError, match="different queries"):
        paired(one, report({"t": [1.0]}), pool="local", metric="hit@10")
    with pytest.raises(InputError, match="no values of hit@10 in the pool 'everywhere'"):
        paired(one, one, pool="everywhere", metric="hit@10")
    with pytest.raises(InputError, match="no values of hit@11 in the pool 'local'"):
        paired(one, one, pool="local", metric="hit@11")
    twice = Report(one.results * 2, {})
    with pytest.raises(InputError, match="the same name"):
        paired(twice, twice, pool="local", metric="hit@10")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1, 1.5, "1.0", None])
def test_values_that_no_metric_has(value: float) -> None:
    one = report({"t": [1.0, 0.0]})
    bad = TaskResult("t", "text->image", "local", 2, 9, {}, {"hit@10": {"q0": 1.0, "q1": value}})
    shown = re.escape(f"hit@10 of the query 'q1' of 't' is {value!r}")
    with pytest.raises(InputError, match=shown):
        paired(one, Report((bad,), {}), pool="local", metric="hit@10")
