"""The table of a published benchmark, with the paper's averages below, and what to know of it."""

from collections.abc import Iterator, Sequence

from gcl_spec.evaluate.paper import COLUMNS, PAPER
from gcl_spec.evaluate.published import OF_FOUND, Figure, average
from gcl_spec.report.tables import short_kind
from gcl_spec.tasks.task import Task

__all__ = ["published_notes", "published_rows"]


def published_rows(
    benchmark: str, sets: Sequence[str], tasks: Sequence[Task], figures: Sequence[Figure]
) -> list[list[str]]:
    """Headings, a row for each set, the average, and rows of the paper, in percent.

    Args:
        benchmark: its name, such as "mbeir".
        sets: the names of all its sets.
        tasks: those that were measured.
        figures: what was measured of them.
    """
    columns = COLUMNS[benchmark]
    rows = [["set", "search", "queries", *columns]]
    for task in tasks:
        by_column = {figure.column: figure for figure in figures if figure.task == task.name}
        cells = [_cell(by_column[column]) for column in columns]
        rows.append([task.name, short_kind(task.kind), str(len(task.queries)), *cells])
    title = "average"
    if 1 < len(sets) != len(tasks):
        title = f"average of {len(tasks)} of {len(sets)}"
    rows.append([title, "", "", *(f"{100 * average(figures, c):.1f}" for c in columns)])
    for model, printed in PAPER[benchmark].items():
        cells = [f"{printed[column]:g}" if column in printed else "-" for column in columns]
        rows.append([f"paper: {model}", "", "", *cells])
    return rows


def published_notes(
    benchmark: str, sets: Sequence[str], tasks: Sequence[Task], figures: Sequence[Figure]
) -> Iterator[str]:
    """Lines on what the figures are, and on what is missing.

    Args:
        benchmark: its name.
        sets: the names of the benchmark's sets.
        tasks: those that were measured.
        figures: what was measured of them.
    """
    names = {task.name for task in tasks}
    missing = [name for name in sets if name not in names]
    if missing and len(sets) > 1:
        yield (
            f"partial: {len(missing)} of {len(sets)} sets are missing, {', '.join(missing)}: the "
            "average is not one of the paper's"
        )
    kinds = {figure.metric.partition("@")[0] for figure in figures}
    if "hit" in kinds:
        yield (
            "hit@K: the share of queries with a relevant candidate among the first K; the paper "
            "and UniIR call it Recall@K"
        )
    if "ndcg" in kinds:
        yield "ndcg@10: gains are the grades, the ideal is of all relevant candidates of the pool"
    if OF_FOUND.partition("@")[0] in kinds:
        yield (
            "ndcg-of-found@10: as GR-CLIP's code has it: the ideal is of the ten that were found, "
            "so that it is higher where a query has several right ones; ties go by place"
        )
    width = max(100 * (figure.band[2] - figure.band[0]) for figure in figures)
    yield f"ties move a figure by at most {width:.1f} points; the values are expected ones"
    for figure in figures:
        if figure.unanswerable:
            yield (
                f"{figure.task}, {figure.column}: {figure.unanswerable} of "
                f"{len(figure.per_query)} queries have nothing to find, and count as 0"
            )
    if PAPER[benchmark]:
        yield "rows 'paper': averages as printed in arXiv 2509.25638, of its own models and data"


def _cell(figure: Figure) -> str:
    """A figure in percent, with its metric where that is not the column's."""
    text = f"{100 * figure.band[1]:.1f}"
    return text if figure.column.endswith(f" {figure.metric}") else f"{text} ({figure.metric})"
