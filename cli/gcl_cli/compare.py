"""`gcl compare`."""

import sys
from collections.abc import Sequence
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
    files of `gcl eval --json`, with --benchmark or without, folders of `gcl eval --trec`, or run
    files of TREC's form. For each task and for the average there is a paired bootstrap interval, a
    sign-flip permutation test, corrected for the number of tasks (Holm), and how many queries are
    better and worse. WIN, TIED or WORSE stands at the end.
    """
    from gcl_spec.evaluate.comparison import AVERAGE, compare
    from gcl_spec.report.comparison_tables import difference_line, short_names
    from gcl_spec.run.scored import scores_at

    if len(paths) < 2:
        raise click.UsageError("give two at least, A and B")
    if fail_under is not None and fail_under != fail_under:
        raise click.UsageError("--fail-under must be a number")
    check_writable(json_path)
    every = []
    for path in paths:
        found, notes = scores_at(
            path, metric=metric or "hit@10", qrels=qrels, allow_unverified=allow_unverified
        )
        every.append(found)
        for note in notes:
            say(f"note: {note}", err=True)
    differences = compare(every[0], every[1:], every[0].chosen(metric, pool))
    write_json(json_path, {"differences": [one.to_json() for one in differences]})
    names = short_names([one.name for one in every])
    _show(every, names, differences)
    averages = [one for one in differences if one.task == AVERAGE]
    called = {one.name: name for one, name in zip(every, names, strict=True)}
    for one in averages:
        say(difference_line(one, (called[one.first], called[one.other])))
    low = min(100 * one.difference for one in averages)
    if fail_under is not None and low < fail_under:
        say(f"failed: an average changes by {low:+.2f} points; --fail-under {fail_under:g}")
        sys.exit(1)


def _show(
    every: Sequence["Scores"], names: Sequence[str], differences: Sequence["Difference"]
) -> None:
    from itertools import groupby

    from rich.console import Console

    from gcl_spec.report.comparison_tables import difference_rows, mean_rows
    from gcl_spec.report.tables import rich_table

    console = Console()
    called = {one.name: name for one, name in zip(every, names, strict=True)}
    columns = list(dict.fromkeys(one.column for one in differences))
    for (other, column), found in groupby(differences, key=lambda one: (one.other, one.column)):
        title = f"{called[other]} against {names[0]}, {column}, percent"
        console.print(rich_table(difference_rows(list(found)), title))
    if any(one.runs for one in every):
        console.print(rich_table(mean_rows(every, names, columns), "mean +- deviation over seeds"))
    say("p: sign-flip permutation, corrected by Holm; interval: 95 %, paired bootstrap, percentile")
