"""`gcl calibrate`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gcl_cli._options import (
    PATH,
    allow_unverified_option,
    backend_option,
    device_option,
    step_option,
)
from gcl_cli.lines import say

if TYPE_CHECKING:
    from gcl_spec.run.calibrated import Fitted

__all__ = ["command"]


@click.command()
@click.argument("run", type=PATH)
@click.option(
    "--data",
    type=PATH,
    metavar="ROWS",
    help="Rows without labels, in a layout of training data.  [default: those of the training]",
)
@click.option(
    "--queries",
    type=PATH,
    metavar="ROWS",
    help="Rows that stand for queries; those of --data then stand for candidates alone.  "
    "[default: the same rows stand for both]",
)
@click.option(
    "--rows",
    type=click.IntRange(min=2),
    metavar="N",
    help="How many samples are taken at most, evenly from all of each.  [default: 4096]",
)
@click.option(
    "--only",
    multiple=True,
    metavar="NAME",
    help="Fit this one; may be given several times.  [default: all that the run can have]",
)
@backend_option()
@device_option()
@step_option()
@allow_unverified_option()
def command(
    run: Path,
    data: Path | None,
    queries: Path | None,
    rows: int | None,
    only: tuple[str, ...],
    backend: str,
    device: str | None,
    step: str,
    allow_unverified: bool,
) -> None:
    """Fit calibrations of a run, which need no training, and store them beside it.

    \b
    mean       subtracts the mean of each modality in its role, query or candidate
    cfu        centres images and texts, then fuses them
    bank       takes off what a candidate has in common with queries
    standard   scores of each candidate modality get mean 0 and deviation 1
    realign    moves each modality onto the images' mean and trace
    whiten     centres, then gives all directions the same variance
    cfu+bank   cfu, then bank
    bias       adds the biases of the run's own training, where it has any; needs no rows

    `gcl eval RUN --calibration NAME` uses one, and --calibration all compares them.
    """
    from gcl_spec.evaluate.calibrations.known import check_name
    from gcl_spec.progress import open_progress
    from gcl_spec.run.calibrated import calibrate
    from gcl_spec.run.folder import RunFolder
    from gcl_spec.run.loaded import load_run
    from gcl_spec.run.own_biases import calibrations_of

    for name in only:
        check_name(name)
    loaded = load_run(
        run, backend=backend, device=device, step=step, allow_unverified=allow_unverified
    )
    names = only or calibrations_of(loaded.config)
    folder = RunFolder.open(run, allow_unverified=allow_unverified)
    with open_progress() as reporter:
        fitted = calibrate(
            folder,
            loaded,
            reporter,
            data=None if data is None else str(data),
            queries=None if queries is None else str(queries),
            most=rows,
            names=names,
        )
    _show(fitted, names, has_queries=queries is not None)


def _show(fitted: "Fitted", names: Sequence[str], *, has_queries: bool) -> None:
    """Say which rows were left out, what each calibration does, and what it is fitted on."""
    from gcl_spec.evaluate.calibrations.known import meaning

    for reason in fitted.bad[:3]:
        say(f"warning: left out: {reason}", err=True)
    if len(fitted.bad) > 3:
        say(f"warning: left out: {len(fitted.bad) - 3} more", err=True)
    width = max(len(name) for name in names)
    for name in names:
        say(f"{name:<{width}}  {meaning(name)}")
    if not fitted.rows:
        say(f"made of the run's own numbers: {fitted.files[0].parent}")
        return
    asked = f"; queries: {_counts(fitted.queries)}" if has_queries else ""
    say(f"fitted on {_counts(fitted.rows)}{asked}: {fitted.files[0].parent}")


def _counts(rows: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in rows.items())
