"""Runs that differ in their seed alone: `gcl train --seeds`, and `gcl eval` of their folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gcl_cli.lines import say
from gcl_spec.run import manifest
from gcl_spec.run.seeds import seed_folders

if TYPE_CHECKING:
    from gcl_spec.evaluate.evaluation import Report

__all__ = ["runs_of_seeds", "show_seeds", "write_seeds_page"]


def runs_of_seeds(path: Path, *, alone: bool) -> list[Path]:
    """The runs in a folder that differ in their seed; none where it is a run itself.

    Args:
        path: the folder.
        alone: no option is given that such a folder does not take.

    Raises:
        UsageError: the folder holds runs of several seeds, and `alone` is false.
    """
    runs = [] if manifest.stored(path, "config.toml") is not None else seed_folders(path)
    if runs and not alone:
        raise click.UsageError(
            f"{path} holds runs of several seeds, which take --data, --calibration and --json; "
            f"for the rest give one of them, such as {runs[0]}"
        )
    return runs


def show_seeds(reports: Mapping[str, "Report"]) -> None:
    """Print mean +- deviation over runs.

    Args:
        reports: evaluations of the same tasks, by the name of the run.
    """
    from rich.console import Console

    from gcl_spec.report.comparison_tables import seed_rows
    from gcl_spec.report.tables import rich_table

    title = f"percent, mean +- deviation over {len(reports)} seeds"
    Console().print(rich_table(seed_rows(list(reports.values())), title))


def write_seeds_page(
    folder: Path, before: Mapping[str, "Report"], after: Mapping[str, "Report"]
) -> None:
    """Write report.html beside the runs of seeds, and say where it is.

    Args:
        folder: the folder of the runs.
        before, after: their evaluations, by the name of the run.

    Raises:
        FileError: the file cannot be written.
    """
    from gcl_spec._files.atomic import atomic_write
    from gcl_spec.report.seeds_page import seeds_page

    pages = [name for name in after if (folder / name / "report.html").is_file()]
    path = folder / "report.html"
    with atomic_write(path) as file:
        file.write(seeds_page(folder.name, before, after, pages).encode(errors="backslashreplace"))
    say(f"runs: {folder}   report: {path}   compare: gcl compare {folder} OTHER")
