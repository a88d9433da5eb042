"""The tables of an evaluation on stdout."""

from collections.abc import Sequence

from gcl_cli.lines import say
from gcl_spec.evaluate.evaluation import Report

__all__ = ["show_comparison", "show_report", "titled"]


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


def show_comparison(report: Report, other: Report, other_name: str, name: str) -> None:
    """Print two reports of the same tasks side by side, and the tests between them.

    Args:
        report, other: the evaluation, and what it is compared with.
        other_name, name: how the table calls them.
    """
    from rich.console import Console

    from gcl_spec.evaluate.significance import paired
    from gcl_spec.report.tables import comparison_rows, rich_table

    tests = {
        pool: paired(other, report, pool=pool, metric="hit@10") for pool in ("local", "global")
    }
    both = {other_name: other, name: report}
    if other_name == name:
        both = {"other": other, "this": report}
    Console().print(rich_table(comparison_rows(both), "hit@10 in percent"))
    for pool, test in tests.items():
        say(
            f"{pool} average: {100 * test.difference:+.1f} points over {test.queries} queries, "
            f"of which {test.changed} differ, "
            f"95 % interval {100 * test.low:+.1f} to {100 * test.high:+.1f} (paired t), "
            f"p = {test.p_value:.4f} (permutation)"
        )
