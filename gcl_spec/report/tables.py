"""Makes text tables of reports, for terminals and for Markdown."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gcl_spec._words import escaped
from gcl_spec.evaluate.evaluation import Report
from gcl_spec.objective import name_parts

if TYPE_CHECKING:
    from rich.table import Table

__all__ = [
    "calibration_rows",
    "comparison_rows",
    "geometry_rows",
    "markdown",
    "report_rows",
    "rich_table",
    "short",
]

_SHORT = {"image": "I", "text": "T", "audio": "A", "video": "V"}
_COLUMNS = ("hit@1", "hit@5", "hit@10", "recall@10", "ndcg@10", "mrr")
_POOLS = ("local", "global")


def short_kind(kind: str) -> str:
    """A short name of a kind of search, such as "T -> IT" for "text->image+text".

    A modality that has no letter of its own keeps its name.
    """

    return " -> ".join(map(short, kind.split("->")))


def short(modality: str) -> str:
    """The letters of a modality, "IT" for "image+text"; its name where a part has none."""
    parts = name_parts(modality)
    return "".join(_SHORT[p] for p in parts) if {*parts} <= _SHORT.keys() else modality


def report_rows(report: Report, pool: str) -> list[list[str]]:
    """Headings, then a row for each kind of search, then the average, in percent."""
    rows = [["search", "queries", *_COLUMNS]]
    for kind in report.kinds():
        queries = sum(r.queries for r in report.results if (r.kind, r.pool) == (kind, pool))
        values = [_percent(report.value(kind, pool, metric)) for metric in _COLUMNS]
        rows.append([short_kind(kind), str(queries), *values])
    averages = [_percent(report.average(pool, metric)) for metric in _COLUMNS]
    return [*rows, ["average", "", *averages]]


def comparison_rows(reports: Mapping[str, Report], metric: str = "hit@10") -> list[list[str]]:
    """One metric of several reports of the same tasks, local and global, in percent.

    Two reports get a column more, the difference.
    """
    names = list(reports)
    columns = [(pool, name) for pool in _POOLS for name in names]
    headings = ["search"]
    for pool in _POOLS:
        headings += [f"{pool} {name}" for name in names]
        headings += ["change"] if len(names) == 2 else []

    def row(title: str, values: Mapping[tuple[str, str], float]) -> list[str]:
        cells = [title]
        for pool in _POOLS:
            pool_values = [values[pool, name] for name in names]
            cells += [_percent(value) for value in pool_values]
            cells += [f"{100 * (pool_values[1] - pool_values[0]):+.1f}"] if len(names) == 2 else []
        return cells

    rows = [headings]
    for kind in reports[names[0]].kinds():
        values = {(pool, name): reports[name].value(kind, pool, metric) for pool, name in columns}
        rows.append(row(short_kind(kind), values))
    averages = {(pool, name): reports[name].average(pool, metric) for pool, name in columns}
    return [*rows, row("average", averages)]


def calibration_rows(
    reports: Mapping[str, Report], pool: str, metric: str = "hit@10"
) -> list[list[str]]:
    """One metric with each calibration of a run, by kind of search and on average, in percent."""
    kinds = next(iter(reports.values())).kinds()
    rows = [[metric, *reports]]
    for kind in kinds:
        values = [report.value(kind, pool, metric) for report in reports.values()]
        rows.append([short_kind(kind), *map(_percent, values)])
    averages = [report.average(pool, metric) for report in reports.values()]
    return [*rows, ["average", *map(_percent, averages)]]


def geometry_rows(reports: Mapping[str, Report]) -> list[list[str]]:
    """The numbers about the embedding space, with a column for each report."""
    names = list(reports)
    keys = list(dict.fromkeys(key for report in reports.values() for key in report.geometry))
    rows = [["geometry", *names]]
    for key in keys:
        values = [reports[name].geometry.get(key, float("nan")) for name in names]
        rows.append([key, *(f"{v:.0f}" if "rank" in key else f"{v:.2f}" for v in values)])
    return rows


def tie_width(report: Report) -> float:
    """The largest width of the tie band of hit@10 over all tasks and pools, 0 without ties."""
    bands = [result.metrics["hit@10"] for result in report.results]
    return max(high - low for low, _, high in bands)


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Rows, the first of them headings, as a Markdown table."""
    head, *body = rows
    rule = ["---", *["--:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *body])


def rich_table(rows: Sequence[Sequence[str]], title: str) -> "Table":
    """Rows, the first of them headings, as a table for terminals of 80 columns."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    # In a string rich would see markup, and emoji in "0:100:0".
    head, *body = [[Text(escaped(cell)) for cell in row] for row in rows]
    table = Table(title=Text(escaped(title)), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for n, heading in enumerate(head):
        table.add_column(heading, justify="right" if n else "left", overflow="fold")
    for row in body:
        table.add_row(*row, style="bold" if row[0].plain == "average" else None)
    return table


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"
