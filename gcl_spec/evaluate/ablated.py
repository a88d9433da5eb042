"""What an ablation says of one setting: means over seeds, and whether they beat those of GCL."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean, stdev
from typing import Any

from gcl_spec.evaluate.comparison import AVERAGE, Difference, compare
from gcl_spec.evaluate.evaluation import Report
from gcl_spec.evaluate.scores import Scores, mean_of, of_report

__all__ = ["COLUMNS", "NONE", "AblationRow", "against", "row_of", "spread"]

COLUMNS = ("global hit@10", "local hit@10")
"""The columns of the table."""

NONE = "none"
"""The name of rows without a calibration."""


@dataclass(frozen=True, slots=True)
class AblationRow:
    """One objective, at one scale, with one calibration.

    objective: the name of the preset, or "start".
    scale: a number or "learned"; "" for the start.
    calibration: its name, or "none".
    scores: means over seeds by query, of both columns; None where no seed is done.
    geometry: mean and deviation over seeds of each figure of `Report.geometry`, and of further
        figures where they were measured.
    failed: the reason of each seed that failed.
    differences: by column, of this row minus the reference; empty where there is none.
    chosen: the scale and rate that were chosen for it by validation, where they were searched.
    """

    objective: str
    scale: str
    calibration: str
    scores: Scores | None
    geometry: Mapping[str, tuple[float, float | None]]
    failed: tuple[str, ...] = ()
    differences: Mapping[str, Difference] | None = None
    chosen: str = ""

    @property
    def seeds(self) -> int:
        """How many seeds are done."""
        return 0 if self.scores is None else len(self.scores.runs)

    def value(self, column: str) -> tuple[float, float | None]:
        """Mean and deviation over seeds of a column, between 0 and 1; a deviation needs two."""
        assert self.scores is not None
        return self.scores.average(column), self.scores.deviation(column)

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists, without the values of queries, which the runs hold."""
        columns = {} if self.scores is None else {name: self.value(name) for name in COLUMNS}
        differences = {} if self.differences is None else self.differences
        by_seed = [] if self.scores is None else [_averages(run) for run in self.scores.runs]
        return {
            "objective": self.objective,
            "scale": self.scale,
            "chosen": self.chosen,
            "calibration": self.calibration,
            "seeds": self.seeds,
            "failed": list(self.failed),
            "columns": columns,
            "by_seed": by_seed,
            "geometry": dict(self.geometry),
            "against": {name: asdict(one) for name, one in differences.items()},
        }


def row_of(
    objective: str,
    scale: str,
    calibration: str,
    reports: Sequence[Report],
    failed: tuple[str, ...] = (),
) -> AblationRow:
    """The row of the evaluations of several seeds.

    Args:
        objective, scale, calibration, failed: as in the row.
        reports: of the same tasks, one of each seed that is done.

    Raises:
        InputError: they have other tasks or queries.
    """
    name = " ".join(filter(None, (objective, scale, calibration)))
    scores = None
    if reports:
        runs = [_of_columns(of_report(name, report)) for report in reports]
        scores = mean_of(name, runs)
    geometry = {}
    for key in reports[0].geometry if reports else ():
        geometry[key] = spread([r.geometry[key] for r in reports if key in r.geometry])
    return AblationRow(objective, scale, calibration, scores, geometry, failed)


def against(rows: Sequence[AblationRow], reference: str) -> list[AblationRow]:
    """The rows, each compared with the reference objective at its scale, by its calibration.

    The means over seeds of each query are compared (`gcl_spec.evaluate.comparison.compare`). For
    one scale and calibration the p-values are corrected for the number of objectives and columns.

    Args:
        rows: those of one ablation.
        reference: the name of an objective; rows of settings where it is not done stay as they are.

    Raises:
        InputError: rows have different queries.
    """
    differences: dict[str, dict[str, Difference]] = {}
    for setting in dict.fromkeys((row.scale, row.calibration) for row in rows):
        own = {row.objective: row for row in rows if (row.scale, row.calibration) == setting}
        first = own.pop(reference).scores if reference in own else None
        others = [row.scores for row in own.values() if row.scores is not None]
        if first is not None and others:
            for one in compare(first, others, COLUMNS):
                if one.task == AVERAGE:
                    differences.setdefault(one.other, {})[one.column] = one
    return [
        row if row.scores is None else replace(row, differences=differences.get(row.scores.name))
        for row in rows
    ]


def _of_columns(scores: Scores) -> Scores:
    return replace(scores, columns={name: scores.columns[name] for name in COLUMNS})


def _averages(scores: Scores) -> dict[str, float]:
    return {name: scores.average(name) for name in COLUMNS}


def spread(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and standard deviation of values; one alone has no deviation."""
    return fmean(values), stdev(values) if len(values) > 1 else None
