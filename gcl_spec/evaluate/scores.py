"""The value of a metric for every query, of whatever was evaluated: what a comparison needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from gcl_spec.errors import DataError, InputError
from gcl_spec.evaluate.evaluation import Report

__all__ = ["Scores", "TaskScores", "mean_of", "of_figures", "of_report"]


@dataclass(frozen=True, slots=True)
class TaskScores:
    """The values of one task.

    kind: tasks of one kind share the weight of one in the average.
    values: between 0 and 1, by query id.
    """

    task: str
    kind: str
    values: Mapping[str, float]

    @property
    def mean(self) -> float:
        """The mean over the queries."""
        return float(np.mean(list(self.values.values())))


@dataclass(frozen=True, slots=True)
class Scores:
    """What one file or run says.

    name: how messages and tables name it.
    columns: the tasks by column, such as "local hit@10": the pool and the metric.
    main: the columns that are compared when none is named; all of them when not given.
    runs: the scores of each seed, where these are means over seeds.
    pools: how the pools of a sweep were made, "" for all else; its columns are compositions.
    """

    name: str
    columns: Mapping[str, tuple[TaskScores, ...]]
    main: tuple[str, ...] = ()
    runs: "tuple[Scores, ...]" = ()
    pools: str = ""

    def chosen(self, metric: str | None, pool: str | None) -> tuple[str, ...]:
        """The columns of a metric and of a pool; the main ones where no metric is named.

        Raises:
            InputError: there is none.
        """
        every = [*self.columns] if metric is not None else self.main or [*self.columns]
        columns = tuple(
            name
            for name in every
            if (pool is None or name.startswith(f"{pool} "))
            and (metric is None or name.endswith(f" {metric}"))
        )
        if not columns:
            wanted = " ".join(word for word in (pool, metric) if word)
            raise InputError(
                f"{self.name}: no {wanted}; there are {_few(self.columns)}",
                advice="choose --metric and --pool among them",
            )
        return columns

    def average(self, column: str) -> float:
        """The mean of a column over the kinds, within a kind over its tasks."""
        tasks = self.columns[column]
        pairs = zip(task_weights(tasks), tasks, strict=True)
        return sum(weight * task.mean for weight, task in pairs)

    def deviation(self, column: str) -> float | None:
        """The standard deviation of the average over seeds, with n - 1; None for a single run."""
        if len(self.runs) < 2:
            return None
        return float(np.std([run.average(column) for run in self.runs], ddof=1))


def task_weights(tasks: Sequence[TaskScores]) -> list[float]:
    """The weights of tasks in the average, which sum to 1: kinds alike, within a kind tasks."""
    kinds = [task.kind for task in tasks]
    return [1 / (len(set(kinds)) * kinds.count(kind)) for kind in kinds]


def of_report(name: str, report: Report) -> Scores:
    """The scores of an evaluation, in all its metrics and both pools.

    Args:
        name: where it comes from.
        report: the evaluation.

    Raises:
        InputError: it cannot be compared: a value that no metric has, two tasks of one name.
    """
    columns: dict[str, list[TaskScores]] = {}
    for result in report.results:
        for metric, values in result.per_query.items():
            tasks = columns.setdefault(f"{result.pool} {metric}", [])
            tasks.append(TaskScores(result.task, result.kind, values))
    return _checked(name, columns, tuple(c for c in columns if c.endswith(" hit@10")))


def of_figures(name: str, data: Mapping[str, Any]) -> Scores:
    """The scores of a benchmark's table; each of its sets counts once in the average.

    Args:
        name: where it comes from.
        data: what `gcl eval --benchmark --json` wrote.

    Raises:
        DataError: the data is none of that.
        InputError: as `of_report`.
    """
    columns: dict[str, list[TaskScores]] = {}
    try:
        for figure in data["figures"]:
            task, column, values = figure["task"], figure["column"], dict(figure["per_query"])
            if not isinstance(task, str) or not isinstance(column, str):
                raise ValueError(f"{task!r}, {column!r}")
            columns.setdefault(column, []).append(TaskScores(task, task, values))
        if not columns:
            raise ValueError("no figures")
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError(f"{name}: not a report of gcl eval --benchmark: {error!r:.200}") from error
    return _checked(name, columns)


def mean_of(name: str, runs: Sequence[Scores]) -> Scores:
    """The mean of every query's value over runs, such as those of several seeds.

    Args:
        name: of the whole.
        runs: at least one, of the same queries.

    Raises:
        InputError: they have other tasks or queries.
    """
    first = runs[0]
    for other in runs[1:]:
        for column in first.columns:
            check_same(first, other, column)
    columns = {
        column: tuple(
            TaskScores(
                task.task,
                task.kind,
                {
                    query: float(np.mean([of_run[n].values[query] for of_run in every]))
                    for query in task.values
                },
            )
            for n, task in enumerate(tasks)
        )
        for column, tasks in first.columns.items()
        for every in [[_in_order(run.columns[column], tasks) for run in runs]]
    }
    return Scores(name, columns, first.main, tuple(runs))


def check_same(first: Scores, other: Scores, column: str) -> None:
    """Refuse scores of other tasks or other queries than the first.

    Raises:
        InputError: they differ; it names both files, and a task or query.
    """
    advice = "evaluate both on the same data"
    if bool(first.pools) != bool(other.pools):
        sweep, report = (first, other) if first.pools else (other, first)
        raise InputError(
            f"{sweep.name} is a sweep, {report.name} is none",
            advice="compare two of gcl eval --sweep --json",
        )
    if first.pools != other.pools:
        raise InputError(f"{other.name}: other pools than in {first.name}", advice=advice)
    if column not in other.columns:
        raise InputError(
            f"{other.name}: no {column}, which {first.name} has; there are {_few(other.columns)}",
            advice="choose --metric or --pool among what both have, or evaluate again",
        )
    tasks, others = ({t.task: t for t in s.columns[column]} for s in (first, other))
    for here, there, mine, yours in (
        (first.name, other.name, tasks, others),
        (other.name, first.name, others, tasks),
    ):
        for task in mine:
            if task not in yours:
                text = f"{there}: no task {task!r} in {column}, which {here} has"
                raise InputError(f"{text}; it has {_shown(yours)}", advice=advice)
            lost = mine[task].values.keys() - yours[task].values.keys()
            if lost:
                raise InputError(
                    f"{there}: other queries than in {here}: task {task!r} lacks "
                    f"{len(lost)} of {len(mine[task].values)}, such as {min(lost)!r}",
                    advice=advice,
                )


def _few(columns: Mapping[str, object]) -> str:
    names = list(columns)
    return ", ".join(names if len(names) < 30 else [*names[:5], "...", *names[-2:]])


def _shown(names: Mapping[str, object]) -> str:
    texts = list(names)
    more = f" and {len(texts) - 5} more" if len(texts) > 5 else ""
    return ", ".join(map(repr, texts[:5])) + more


def _in_order(tasks: Sequence[TaskScores], wanted: Sequence[TaskScores]) -> list[TaskScores]:
    by_name = {task.task: task for task in tasks}
    return [by_name[task.task] for task in wanted]


def _checked(
    name: str, columns: Mapping[str, Sequence[TaskScores]], main: tuple[str, ...] = ()
) -> Scores:
    for column, tasks in columns.items():
        if len({task.task for task in tasks}) != len(tasks):
            raise InputError(f"{name}: two tasks have the same name; rename one")
        for task in tasks:
            if not task.values:
                raise InputError(f"{name}: task {task.task!r} has no queries in {column}")
            for query, value in task.values.items():
                fine = isinstance(value, int | float) and isfinite(value) and 0 <= value <= 1
                if not fine:
                    raise InputError(
                        f"{name}: {column} of the query {query!r} of {task.task!r} is "
                        f"{value!r:.80}, and not between 0 and 1; write it again with gcl eval "
                        "--json"
                    )
    return Scores(name, {column: tuple(tasks) for column, tasks in columns.items()}, main)
