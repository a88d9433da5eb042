"""Tables of comparisons, and of means and deviations over seeds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter

from gcl_spec.evaluate.comparison import AVERAGE, Difference
from gcl_spec.evaluate.evaluation import Report
from gcl_spec.evaluate.scores import Scores
from gcl_spec.report.tables import short_kind

__all__ = [
    "calibration_seed_rows",
    "composition_lines",
    "composition_rows",
    "difference_line",
    "difference_rows",
    "mean_rows",
    "seed_rows",
    "short_names",
]

_HEAD = ("first", "other", "diff", "interval", "won/lost", "p", "")
_SHOWN = 10
"""How many of the worst and of the best compositions are shown."""


def difference_rows(differences: Sequence[Difference]) -> list[list[str]]:
    """Headings, then a row for each task and for the average, in percent.

    Args:
        differences: of one pair of runs and one column.
    """
    return [["task", *_HEAD], *map(_difference_row, differences)]


def difference_line(one: Difference, names: Sequence[str]) -> str:
    """The last word on a pair: `WIN` and the rest in one line.

    Args:
        one: the difference of the averages.
        names: what the first and the other are called.
    """
    return (
        f"{one.verdict}: {names[1]} against {names[0]}, {one.column}: {_points(one.difference)} "
        f"points, 95 % {_points(one.low)} to {_points(one.high)}, p = {one.corrected:.4f}; "
        f"{one.wins} of {one.queries} queries better, {one.losses} worse"
    )


def composition_rows(differences: Sequence[Difference]) -> list[list[str]]:
    """Headings, then a row for each composition of a sweep, in percent.

    Of more than 20 those are shown in which most was lost, and most was won.

    Args:
        differences: the differences of the averages of one pair of sweeps.
    """
    order = sorted(differences, key=lambda one: one.difference)
    shown = order if len(order) <= 2 * _SHOWN else [*order[:_SHOWN], *order[-_SHOWN:]]
    rows = [_difference_row(replace(one, task=_pool(one))) for one in differences if one in shown]
    return [["pools", *_HEAD], *rows]


def composition_lines(differences: Sequence[Difference], names: Sequence[str]) -> Iterator[str]:
    """Lines on how many compositions are better, and on the worst ones.

    Args:
        differences: the differences of the averages of one pair of sweeps.
        names: what the first and the other are called.
    """
    verdicts = [one.verdict for one in differences]
    counts = ", ".join(f"{verdicts.count(word)} {word}" for word in ("WIN", "TIED", "WORSE"))
    yield f"{names[1]} against {names[0]}, {len(differences)} compositions: {counts}"
    first, other = (min(differences, key=attrgetter(side)) for side in ("before", "after"))
    yield (
        f"the worst one: {names[0]} {100 * first.before:.1f} at {_pool(first)}, "
        f"{names[1]} {100 * other.after:.1f} at {_pool(other)}"
    )


def _pool(one: Difference) -> str:
    return one.column.partition(" ")[0]


def mean_rows(
    every: Sequence[Scores], names: Sequence[str], columns: Sequence[str]
) -> list[list[str]]:
    """Headings, then a row for each run: its averages, with the deviation over seeds.

    Args:
        every: the runs.
        names: what they are called.
        columns: such as "local hit@10".
    """
    rows = [["run", "seeds", *columns]]
    for one, name in zip(every, names, strict=True):
        cells = [_with_deviation(one.average(c), one.deviation(c)) for c in columns]
        rows.append([name, str(max(1, len(one.runs))), *cells])
    return rows


def seed_rows(reports: Sequence[Report], metric: str = "hit@10") -> list[list[str]]:
    """Headings, then mean +- deviation over seeds by kind of search and pool, in percent.

    Args:
        reports: of at least one seed, of the same tasks.
        metric: which one.
    """
    rows = [["search", f"local {metric}", f"global {metric}"]]
    for kind in (*reports[0].kinds(), AVERAGE):
        cells = []
        for pool in ("local", "global"):
            values = [
                r.average(pool, metric) if kind == AVERAGE else r.value(kind, pool, metric)
                for r in reports
            ]
            cells.append(_over_seeds(values))
        rows.append([kind if kind == AVERAGE else short_kind(kind), *cells])
    return rows


def calibration_seed_rows(
    reports: Mapping[str, Sequence[Report]], metric: str = "hit@10"
) -> list[list[str]]:
    """Headings, then the averages with each calibration, mean +- deviation over seeds, in percent.

    Args:
        reports: of each seed, by the name of the calibration.
        metric: which one.
    """
    rows = [["calibration", f"global {metric}", f"local {metric}"]]
    for name, of_seeds in reports.items():
        cells = [_over_seeds([r.average(p, metric) for r in of_seeds]) for p in ("global", "local")]
        rows.append([name, *cells])
    return rows


def short_names(paths: Sequence[str]) -> list[str]:
    """The last part of each path, or the whole paths where two have the same one.

    >>> short_names(["runs/a", "runs/b"]), short_names(["x/r.json", "y/r.json"])
    (['a', 'b'], ['x/r.json', 'y/r.json'])
    """
    last = [path.rstrip("/").rpartition("/")[2] or path for path in paths]
    return last if len(set(last)) == len(last) else list(paths)


def _difference_row(one: Difference) -> list[str]:
    return [
        one.task,
        f"{100 * one.before:.1f}",
        f"{100 * one.after:.1f}",
        _points(one.difference),
        f"{_points(one.low)} {_points(one.high)}",
        f"{one.wins}/{one.losses}",
        f"{one.corrected:.3f}",
        one.verdict,
    ]


def _points(value: float) -> str:
    # Not -0.0: nothing is lost.
    return f"{100 * value + 0.0:+.1f}"


def _over_seeds(values: Sequence[float]) -> str:
    from statistics import fmean, stdev

    return _with_deviation(fmean(values), stdev(values) if len(values) > 1 else None)


def _with_deviation(value: float, deviation: float | None) -> str:
    text = f"{100 * value:.1f}"
    return text if deviation is None else f"{text} +- {100 * deviation:.2f}"
