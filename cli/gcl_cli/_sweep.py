"""`gcl eval --sweep`: pools of every composition of modalities."""

import json
from functools import partial
from pathlib import Path

import click

from gcl_cli._json import write_json
from gcl_cli._kept import keep
from gcl_cli.lines import say
from gcl_spec.run.loaded import LoadedRun

__all__ = ["check_alone", "sweep_pools"]


def check_alone(
    calibration: str | None, *, sweep: bool, quantise: object, dims: object, **others: object
) -> None:
    """Refuse options of other evaluations beside --sweep, or beside --quantise and --dims.

    Args:
        calibration: the value of --calibration.
        sweep, quantise, dims: the values of these options.
        others: the values of other options by name.

    Raises:
        UsageError: an option is given that goes with neither, or all calibrations are asked for.
    """
    small = {"quantise": quantise, "dims": dims}
    alone = ["sweep"] if sweep else [name for name, value in small.items() if value is not None]
    if not alone:
        return
    beside = {**others, **small} if sweep else others
    given = [f"--{name}" for name, value in beside.items() if value is not None]
    if given:
        takes = "it takes --data, --calibration NAME and --json"
        raise click.UsageError(f"--{alone[0]} has no {', '.join(given)}; {takes}")
    if calibration == "all":
        raise click.UsageError(f"--{alone[0]} takes one calibration by its name, not all")


def sweep_pools(
    run: Path,
    loaded: LoadedRun,
    data: Path | None,
    calibration: str | None,
    json_path: Path | None,
    *,
    allow_unverified: bool,
) -> None:
    """Print the sweep of a run, write it as JSON, and keep it beside the run and in its page.

    Args:
        run: the folder of the run.
        loaded: its model.
        data: where the concepts come from; see `gcl_spec.run.swept.sweep_run`.
        calibration: the name of the one that the model has.
        json_path: where everything goes.
        allow_unverified: take files of the run that have no checksum.
    """
    from rich.console import Console

    from gcl_spec.progress import open_progress
    from gcl_spec.report.sweep_section import with_sweep
    from gcl_spec.report.sweep_tables import summary, sweep_rows
    from gcl_spec.report.tables import rich_table
    from gcl_spec.run.swept import sweep_run

    where = None if data is None else str(data)
    with open_progress() as reporter:
        sweep, bad = sweep_run(loaded, reporter, data=where, calibration=calibration)
    write_json(json_path, sweep.to_json())
    for reason in bad[:3]:
        say(f"warning: left out: {reason}", err=True)
    if len(bad) > 3:
        say(f"warning: left out: {len(bad) - 3} more", err=True)
    Console().print(rich_table(sweep_rows(sweep), "Pools by composition, percent"))
    for line in summary(sweep):
        say(line)
    text, shown = json.dumps(sweep.to_json()), partial(with_sweep, sweep=sweep)
    keep(run, "sweep.json", text, shown, allow_unverified=allow_unverified)
