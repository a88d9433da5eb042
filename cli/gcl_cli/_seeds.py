"""Runs that differ in their seed alone: `gcl train --seeds`, and `gcl eval` of their folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gcl_cli.lines import say

if TYPE_CHECKING:
    from gcl_spec.evaluate.evaluation import Report

__all__ = ["show_seeds", "write_seeds_page"]


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
