"""`gcl eval --calibration all`: every calibration that a run has, beside the run itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gcl_cli._json import write_json
from gcl_cli.lines import say
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.loaded import LoadedRun
from gcl_spec.tasks.task import Task

if TYPE_CHECKING:
    from gcl_spec.evaluate.calibrations.rows import Encode

__all__ = ["compare_all", "need_calibrations"]


def need_calibrations(run: RunFolder) -> None:
    """Refuse a run without calibrations, before its model is loaded."""
    from gcl_spec.run.calibration_files import fitted_names

    if not fitted_names(run):
        raise click.UsageError(f"{run.path} has no calibration; fit them: gcl calibrate {run.path}")


def compare_all(
    run: RunFolder,
    loaded: LoadedRun,
    encode: "Encode",
    tasks: Sequence[Task],
    json_path: Path | None,
) -> None:
    """Print hit@10 with each calibration of a run, and write their reports as JSON.

    Args:
        run: the folder of the run.
        loaded: its model.
        encode: makes unit rows of items by this model; it is asked for each item once.
        tasks: those that are evaluated.
        json_path: where the reports go, by name.
    """
    from rich.console import Console

    from gcl_spec.evaluate.calibrations.known import CALIBRATIONS
    from gcl_spec.evaluate.calibrations.rows import EncodedOnce
    from gcl_spec.evaluate.evaluation import evaluate
    from gcl_spec.report.tables import calibration_rows, rich_table
    from gcl_spec.run.calibration_files import calibration_of, fitted_names

    names = fitted_names(run)
    found = run.found(str(loaded.step))
    fitted = {name: calibration_of(run, name, found) for name in names}
    once = EncodedOnce(encode)
    reports = {name: evaluate(once, tasks, one) for name, one in {"none": None, **fitted}.items()}
    write_json(json_path, {"calibrations": {name: x.to_json() for name, x in reports.items()}})
    for pool in ("global", "local"):
        title = f"{pool.capitalize()} pool, percent"
        Console().print(rich_table(calibration_rows(reports, pool), title))
    missing = [name for name in CALIBRATIONS if name not in names]
    if missing:
        say(f"not fitted: {', '.join(missing)}")
