"""The tables of an evaluation on stdout."""

from collections.abc import Sequence

from gcl_cli.lines import say
from gcl_spec.evaluate.evaluation import Report

__all__ = ["show_report", "titled"]


def titled(title: str, partial: Sequence[str]) -> str:
    """The title of a table, which says so where the evaluation is partial."""
    return f"{title}; PARTIAL, items are absent" if partial else title


def show_report(report: Report, partial: Sequence[str] = ()) -> None:
    """Print the tables of a report.

    Args:
        report: the evaluation.
        partial: lines on items that it lacks.
    """
    from rich.console import Console

    from gcl_spec.report.tables import geometry_rows, report_rows, rich_table, tie_width

    console = Console()
    for pool in ("local", "global"):
        title = titled(f"{pool.capitalize()} pool, percent", partial)
        console.print(rich_table(report_rows(report, pool), title))
    console.print(rich_table(geometry_rows({"": report}), "The space"))
    width = 100 * tie_width(report)
    say(f"ties move hit@10 by at most {width:.1f} points; the values are expected ones")
    for line in partial:
        say(line)
