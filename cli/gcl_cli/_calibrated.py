"""`gcl eval --calibration all`: every calibration that a run has, beside the run itself."""

from collections.abc import Callable
from pathlib import Path

import click

from gcl_cli._json import write_json
from gcl_cli.lines import say
from gcl_spec.evaluate.evaluation import Report

__all__ = ["compare_all"]

_NONE = "none"


def compare_all(
    run: Path, evaluate: Callable[[str | None], Report], json_path: Path | None
) -> None:
    """Print hit@10 with each calibration of a run, and write their reports as JSON.

    Args:
        run: the folder of the run.
        evaluate: gives the report with the calibration of a name, or with none.
        json_path: where the reports go, by name.
    """
    from rich.console import Console

    from gcl_spec.evaluate.calibrations.known import CALIBRATIONS
    from gcl_spec.report.tables import calibration_rows, rich_table

    names = [n for n in CALIBRATIONS if (run / "calibrations" / f"{n}.safetensors").exists()]
    if not names:
        raise click.UsageError(f"{run} has no calibration; fit them: gcl calibrate {run}")
    reports = {_NONE: evaluate(None)} | {name: evaluate(name) for name in names}
    found = {name: report.to_json() for name, report in reports.items()}
    write_json(json_path, {"calibrations": found})
    for pool in ("global", "local"):
        title = f"{pool.capitalize()} pool, percent"
        Console().print(rich_table(calibration_rows(reports, pool), title))
    missing = [name for name in CALIBRATIONS if name not in names]
    if missing:
        say(f"not fitted: {', '.join(missing)}")
