"""`gcl bench`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gcl_cli._json import write_json
from gcl_cli._options import device_option, json_option
from gcl_cli.bench_search import search
from gcl_spec._files.atomic import check_writable
from gcl_spec.objective import PRESETS

if TYPE_CHECKING:
    from gcl_spec.bench.suite import Described, Outcome, Settings

__all__ = ["command"]

_DTYPES = ("float32", "float64", "bfloat16", "float16")


@click.group("bench")
def command() -> None:
    """What things cost on this machine."""


command.add_command(search)


@command.command("loss")
@click.option(
    "--backend",
    "backends",
    multiple=True,
    metavar="NAME",
    help="A backend, or package.module:object; repeatable.  [default: all that are declared]",
)
@click.option(
    "--candidate",
    "candidates",
    multiple=True,
    metavar="NAME",
    help="Such as plain or gram; repeatable.  [default: all that can run]",
)
@click.option(
    "-n",
    "batches",
    type=click.IntRange(2),
    multiple=True,
    default=(1024, 2048),
    show_default=True,
    metavar="N",
    help="Samples of a batch; repeatable.",
)
@click.option("-d", "width", type=click.IntRange(1), default=512, show_default=True, metavar="D",
              help="Width of an embedding.")  # fmt: skip
@click.option("--dtype", type=click.Choice(_DTYPES), default="float32", show_default=True)
@device_option()
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, metavar="K")
@click.option("--repeats", type=click.IntRange(1), default=5, show_default=True, metavar="K")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="For one candidate on one batch.",
)
@click.option("--objective", type=click.Choice(list(PRESETS)), default="gcl", show_default=True)
@json_option("Write everything, every repeat too.")
def loss(json_path: Path | None, **options: Any) -> int:
    """Time and memory of contrastive losses, forward and backward.

    Times are multiples of one product of the 3N stacked rows with themselves, by the same library
    in the same process. Each candidate runs in a process of its own; one that fails is a line.

    Exit code 0: something was measured. 1: every candidate failed.
    """
    from gcl_spec.bench.suite import Settings, describe, plan, run_cases, to_json
    from gcl_spec.bench.table import progress_line

    check_writable(json_path)
    settings = Settings(**options)
    backends, missing = describe(settings)
    for line in missing:
        click.echo(line, err=True)
    outcomes: list[Outcome] = []
    try:
        for outcome in run_cases(plan(settings, backends), timeout=settings.timeout):
            outcomes.append(outcome)
            click.echo(progress_line(outcome), err=True)
    finally:
        # An interrupted run still shows what it has measured.
        try:
            write_json(json_path, to_json(settings, backends, outcomes), indent=2)
        finally:
            _show(settings, backends, outcomes)
    return int(all(outcome.error for outcome in outcomes))


def _show(settings: "Settings", backends: "list[Described]", outcomes: "list[Outcome]") -> None:
    from rich.console import Console

    from gcl_spec.bench.table import notes, rows, title
    from gcl_spec.report.tables import rich_table

    console = Console()
    for described in backends:
        table = rich_table(rows(settings, described, outcomes), title(settings, described))
        table.columns[-1].justify = "left"
        console.print(table)
    for line in notes(backends, outcomes):
        console.print(line, markup=False, highlight=False)
