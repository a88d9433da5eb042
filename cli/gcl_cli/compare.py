"""`gcl compare`."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gcl_cli._json import write_json
from gcl_cli._options import FILE, PATH, allow_unverified_option, json_option
from gcl_cli.lines import say
from gcl_spec._files.atomic import check_writable

if TYPE_CHECKING:
    from gcl_spec.evaluate.comparison import Difference
    from gcl_spec.evaluate.scores import Scores

__all__ = ["command"]


@click.command("compare")
@click.argument("paths", type=PATH, nargs=-1, required=True, metavar="A B [C ...]")
@click.option("--metric", metavar="NAME", help="Such as ndcg@10.  [default: hit@10]")
@click.option("--pool", metavar="local|global", help="Only this pool.  [default: all]")
@click.option(
    "--qrels", type=FILE, metavar="FILE", help="The judgements of the TREC run files among them."
)
@click.option(
    "--fail-under",
    type=float,
    metavar="POINTS",
    help="Exit with 1 where an average changes by less, such as -0.5; 0 allows no loss.",
)
@json_option("Write everything.")
@allow_unverified_option()
def command(
    paths: tuple[Path, ...],
    metric: str | None,
    pool: str | None,
    qrels: Path | None,
    fail_under: float | None,
    json_path: Path | None,
    allow_unverified: bool,
) -> None:
    """Is B better than A, on the same queries, by more than chance? And C?

    A, B, C are runs that have ended, folders with runs seed-0, seed-1, ..., whose means count,
    files of `gcl eval --json`, with --benchmark, --sweep or neither, folders of `gcl eval --trec`,
    or run files of TREC's form. For each task and for the average there is a paired bootstrap
    interval, a sign-flip permutation test, corrected for the number of tasks (Holm), and how many
    queries are better and worse. WIN, TIED or WORSE stands at the end. Sweeps, such as
    RUN/sweep.json, are compared in each composition, and in the whole; --pool 70:20:10 or --pool
    whole takes one.
    """
    from gcl_spec.evaluate.comparison import compare
    from gcl_spec.run.scored import scores_at

    if len(paths) < 2:
        raise click.UsageError("give two at least, A and B")
    if fail_under is not None and fail_under != fail_under:
        raise click.UsageError("--fail-under must be a number")
    check_writable(json_path)
    every = []
    for path in paths:
        scores, notes = scores_at(
            path, metric=metric or "hit@10", qrels=qrels, allow_unverified=allow_unverified
        )
        every.append(scores)
        for note in notes:
            say(f"note: {note}", err=True)
    differences = compare(every[0], every[1:], every[0].chosen(metric, pool))
    write_json(json_path, {"differences": [one.to_json() for one in differences]})
    averages = _show(every, differences)
    low = min(100 * one.difference for one in averages)
    if fail_under is not None and low < fail_under:
        say(f"failed: an average changes by {low:+.2f} points; --fail-under {fail_under:g}")
        sys.exit(1)


def _show(every: Sequence["Scores"], differences: Sequence["Difference"]) -> list["Difference"]:
    """Print tables and verdicts, and return the differences of averages.

    Of the compositions of a sweep there is one table, and only the whole has a line of its own.
    """
    from gcl_spec.evaluate.comparison import AVERAGE
    from gcl_spec.evaluate.sweeps.scores import WHOLE
    from gcl_spec.report.comparison_tables import difference_line, short_names

    names = short_names([one.name for one in every])
    called = {one.name: name for one, name in zip(every, names, strict=True)}
    averages = [one for one in differences if one.task == AVERAGE]
    many = every[0].pools != "" and len({one.column for one in averages}) > 2
    parts = [one for one in averages if many and not one.column.startswith(f"{WHOLE} ")]
    together = {one.column for one in parts}
    _show_columns(every, called, [one for one in differences if one.column not in together])
    _show_compositions(called, parts)
    say("p: sign-flip permutation, corrected by Holm; interval: 95 %, paired bootstrap, percentile")
    for one in averages:
        if one.column not in together:
            say(difference_line(one, (called[one.first], called[one.other])))
    return averages


def _show_columns(
    every: Sequence["Scores"], called: Mapping[str, str], differences: Sequence["Difference"]
) -> None:
    from itertools import groupby

    from rich.console import Console

    from gcl_spec.report.comparison_tables import difference_rows, mean_rows
    from gcl_spec.report.tables import rich_table

    console = Console()
    columns = list(dict.fromkeys(one.column for one in differences))
    for (other, column), group in groupby(differences, key=lambda one: (one.other, one.column)):
        title = f"{called[other]} against {called[every[0].name]}, {column}, percent"
        console.print(rich_table(difference_rows(list(group)), title))
    if any(one.runs for one in every):
        rows = mean_rows(every, [called[one.name] for one in every], columns)
        console.print(rich_table(rows, "mean +- deviation over seeds"))


def _show_compositions(called: Mapping[str, str], averages: Sequence["Difference"]) -> None:
    from itertools import groupby

    from rich.console import Console

    from gcl_spec.report.comparison_tables import composition_lines, composition_rows
    from gcl_spec.report.tables import rich_table

    for (first, other), group in groupby(averages, key=lambda one: (one.first, one.other)):
        compositions, names = list(group), (called[first], called[other])
        rows = composition_rows(compositions)
        title = (
            f"{names[1]} against {names[0]}, {len(rows) - 1} of {len(compositions)} compositions"
        )
        Console().print(rich_table(rows, f"{title}, hit@10, percent"))
        for line in composition_lines(compositions, names):
            say(line)
