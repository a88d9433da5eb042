"""`gcl eval --calibration all`: every calibration that a run has, beside the run itself."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from gcl_cli.lines import say
from gcl_spec.run.folder import RunFolder

if TYPE_CHECKING:
    from gcl_spec.evaluate.evaluation import Report

__all__ = [
    "need_calibrations",
    "show_calibrations",
    "show_calibrations_of_seeds",
    "to_json",
]


def need_calibrations(run: RunFolder) -> None:
    """Refuse a run without calibrations, before its model is loaded.

    Args:
        run: the run.

    Raises:
        UsageError: the run has no calibration.
    """
    from gcl_spec.run.calibration_files import fitted_names

    if not fitted_names(run):
        raise click.UsageError(f"{run.path} has no calibration; fit them: gcl calibrate {run.path}")


def to_json(reports: "Mapping[str, Report]") -> dict[str, Any]:
    """Evaluations by name, as JSON holds them."""
    return {name: report.to_json() for name, report in reports.items()}


def show_calibrations(reports: "Mapping[str, Report]") -> None:
    """Print hit@10 with each calibration of a run, by kind of search."""
    from rich.console import Console

    from gcl_spec.report.tables import calibration_rows, rich_table

    for pool in ("global", "local"):
        title = f"{pool.capitalize()} pool, percent"
        Console().print(rich_table(calibration_rows(reports, pool), title))
    _say_missing(reports)


def show_calibrations_of_seeds(every: "Sequence[Mapping[str, Report]]") -> None:
    """Print the average hit@10 with each calibration, mean +- deviation over runs.

    Args:
        every: the evaluations of each run, by the name of the calibration.
    """
    from rich.console import Console

    from gcl_spec.report.comparison_tables import calibration_seed_rows
    from gcl_spec.report.tables import rich_table

    common = [name for name in every[0] if all(name in reports for reports in every)]
    rows = calibration_seed_rows({name: [reports[name] for reports in every] for name in common})
    Console().print(rich_table(rows, f"percent, mean +- deviation over {len(every)} seeds"))
    left_out = sorted({name for reports in every for name in reports} - {*common})
    if left_out:
        say(f"not fitted for all seeds: {', '.join(left_out)}")
    _say_missing([name for reports in every for name in reports])


def _say_missing(names: "Iterable[str]") -> None:
    from gcl_spec.evaluate.calibrations.known import FITTED

    fitted = set(names)
    missing = [name for name in FITTED if name not in fitted]
    if missing:
        say(f"not fitted: {', '.join(missing)}")
