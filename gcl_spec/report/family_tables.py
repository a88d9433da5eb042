"""Tables of a comparison of the family of objectives, as Markdown and for a page."""

from collections.abc import Mapping, Sequence

from gcl_spec.evaluate.ablated import COLUMNS, AblationRow
from gcl_spec.report.ablation_page import figure
from gcl_spec.report.ablation_tables import markdown, number, percent, titles, verdict
from gcl_spec.report.pieces import escape, page, plain_table

__all__ = ["family_legend", "family_markdown", "family_page", "family_table", "short_table"]

_SHORT = ("global", "local")
_SHARES = ("sparse pool", "worst composition")
_RANK = "effective rank"

Against = Mapping[str, Sequence[AblationRow]]
"""The same rows by the reference that they were compared with."""


def family_table(rows: Against, calibration: str) -> list[list[str]]:
    """Headings, then a row for each candidate: hit@10 in percent on test tasks (`family_legend`).

    Args:
        rows: of one regime, by reference.
        calibration: the one whose rows are shown.
    """
    every = [row for row in next(iter(rows.values())) if row.calibration == calibration]
    more = [name for name in _SHARES if any(name in row.geometry for row in every)]
    deltas = [f"Δ {name}, {pool}" for name in rows for pool in _SHORT]
    table = [["candidate", "chosen", "seeds", *_SHORT, *deltas, *more, _RANK, ""]]
    for row in every:
        head = [row.objective, row.chosen or "-", str(row.seeds)]
        if row.scores is None:
            blank = [""] * (len(deltas) + len(more) + 1)
            table.append([*head, "-", "-", *blank, "failed" if row.failed else "not run"])
            continue
        values = [percent(*row.value(column)) for column in COLUMNS]
        verdicts = [
            verdict((_same(others, row).differences or {}).get(column))
            for others in rows.values()
            for column in COLUMNS
        ]
        shares = [percent(*row.geometry[name]) if name in row.geometry else "-" for name in more]
        rank = number(*row.geometry[_RANK]) if _RANK in row.geometry else "-"
        lost = f"{len(row.failed)} failed" if row.failed else ""
        table.append([*head, *values, *verdicts, *shares, rank, lost])
    return table


def short_table(rows: Against, calibration: str) -> list[list[str]]:
    """The columns of `family_table` that have room in a terminal of 80 letters.

    Args:
        rows, calibration: as those of `family_table`.
    """
    whole = family_table(rows, calibration)
    kept = ["candidate", "chosen", *_SHORT, *(f"Δ {name}, global" for name in rows), ""]
    places = [whole[0].index(name) for name in kept]
    return [[row[place] for place in places] for row in whole]


def _same(others: Sequence[AblationRow], row: AblationRow) -> AblationRow:
    key = (row.objective, row.calibration)
    return next(other for other in others if (other.objective, other.calibration) == key)


def family_legend(references: Sequence[str]) -> str:
    """What the table's columns mean.

    Args:
        references: the candidates that others are compared with.
    """
    return (
        "Test tasks, mean ± standard deviation over seeds. chosen: the scale and learning rate, "
        "from the validation tasks alone, for each candidate and calibration by itself. Δ: minus "
        f"{' and '.join(references)} at what was chosen for it, on the means over seeds of each "
        "query; * p < .05, ** p < .01 (sign-flip permutation, corrected by Holm for the candidates "
        "and both pools)"
    )


def family_markdown(
    title: str, command: str, rows: Against, tried: Sequence[Sequence[str]], rule: str
) -> str:
    """All tables of one regime as Markdown.

    Args:
        title: what the regime is.
        command: with which it was made.
        rows: of the regime, by reference.
        tried: the table of the search on validation tasks.
        rule: what was chosen by.
    """
    parts = [f"# {title}\n", f"    {command}\n"]
    for name, label in titles(next(iter(rows.values()))).items():
        parts.append(f"hit@10, {label}:\n\n{markdown(family_table(rows, name))}")
    parts.append(f"{family_legend([*rows])}\n")
    parts.append(f"Validation tasks, global / local hit@10; * chosen by {rule}:\n")
    return "\n".join([*parts, markdown(tried)])


def family_page(
    title: str, command: str, rows: Against, tried: Sequence[Sequence[str]], rule: str
) -> str:
    """The page of one regime: the figure, a table for each calibration, the search, what failed.

    Args:
        title, command, rows, tried, rule: as those of `family_markdown`.
    """
    every = next(iter(rows.values()))
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="lead">{escape(family_legend([*rows]))}.</p>',
        f'<p class="note"><code>{escape(command)}</code></p>',
        f'<div class="panel">{figure(every)}</div>',
    ]
    for name, label in titles(every).items():
        body += [f"<h2>{escape(label.capitalize())}</h2>", plain_table(family_table(rows, name))]
    body += [
        "<h2>What was chosen, on validation tasks</h2>",
        f'<p class="note">global / local hit@10 in percent; * chosen by {escape(rule)}</p>',
        plain_table(tried),
    ]
    failed = dict.fromkeys(f"{row.objective}: {why}" for row in every for why in row.failed)
    if failed:
        lines = "".join(f"<li>{escape(line)}</li>" for line in failed)
        body.append(f'<h2>What failed</h2><ul class="note">{lines}</ul>')
    return page(title, body)
