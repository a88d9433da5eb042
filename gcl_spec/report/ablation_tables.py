"""Tables of an ablation, for the terminal, for a page, and as Markdown."""

from collections.abc import Mapping, Sequence

from gcl_spec.evaluate.ablated import COLUMNS, NONE, AblationRow
from gcl_spec.evaluate.comparison import Difference

__all__ = [
    "PAPER",
    "ablation_rows",
    "geometry_rows",
    "legend",
    "markdown",
    "number",
    "percent",
    "titles",
    "verdict",
]

PAPER: Mapping[str, float] = {
    "start": 21.18,
    "clip": 24.65,
    "triplets": 25.28,
    "separation": 30.45,
    "gcl-without-i-t": 28.36,
    "gcl-without-to-it": 32.95,
    "gcl-without-from-it": 33.42,
    "gcl": 34.06,
}
"""Global hit@50 on M-BEIR of VISTA, as the GCL paper prints it in tables 1 and 5
(arXiv 2509.25638); "triplets" and "separation" are there beside CLIP's loss."""

_SHORT = ("global", "local")
_GEOMETRY = ("effective rank", "cosine of image and text means")


def titles(rows: Sequence[AblationRow]) -> dict[str, str]:
    """The title of the table of each calibration that occurs."""
    names = dict.fromkeys(row.calibration for row in rows)
    return {name: "as embedded" if name == NONE else f"with {name}" for name in names}


def legend(reference: str) -> str:
    """What the tables' differences and stars mean.

    Args:
        reference: the objective that others are compared with.
    """
    return (
        f"Δ: minus {reference} at the same scale, on the means over seeds of each query; * p < "
        ".05, ** p < .01 (sign-flip permutation, corrected by Holm for the objectives and both "
        "pools of a scale)"
    )


def ablation_rows(rows: Sequence[AblationRow], calibration: str) -> list[list[str]]:
    """Headings, then a row for each objective and scale: hit@10 in percent (`legend`).

    Args:
        rows: of an ablation.
        calibration: the one whose rows are shown.
    """
    table = [["objective", "scale", "seeds", *_SHORT, *(f"Δ {name}" for name in _SHORT), ""]]
    for row in rows:
        if row.calibration != calibration:
            continue
        head = [row.objective, row.scale or "-", str(row.seeds)]
        if row.scores is None:
            table.append([*head, "-", "-", "", "", "failed" if row.failed else "not run"])
            continue
        values = [percent(*row.value(column)) for column in COLUMNS]
        lost = f"{len(row.failed)} failed" if row.failed else ""
        verdicts = [verdict((row.differences or {}).get(column)) for column in COLUMNS]
        table.append([*head, *values, *verdicts, lost])
    return table


def geometry_rows(rows: Sequence[AblationRow]) -> list[list[str]]:
    """Headings, then the space of each objective and scale as it was embedded."""
    names = [name for name in _GEOMETRY if any(name in row.geometry for row in rows)]
    table = [["objective", "scale", *names]]
    for row in rows:
        if row.calibration == NONE and row.scores is not None:
            cells = [number(*row.geometry[name]) if name in row.geometry else "-" for name in names]
            table.append([row.objective, row.scale or "-", *cells])
    return table


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table whose first row is its head, as Markdown.

    >>> markdown([["a", "b"], ["1", "2|3"]]).splitlines()
    ['| a | b |', '|---|--:|', '| 1 | 2\\\\|3 |']
    """
    head, *body = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    ruler = ["---", *("--:" for _ in head[1:])]
    lines = [f"| {' | '.join(row)} |" for row in (head, *body)]
    return "\n".join([lines[0], f"|{'|'.join(ruler)}|", *lines[1:]]) + "\n"


def verdict(one: Difference | None) -> str:
    """A difference in points of percent, with stars as `legend` says; "" for none."""
    if one is None:
        return ""
    stars = "**" if one.corrected < 0.01 else "*" if one.corrected < 0.05 else ""
    return f"{100 * one.difference + 0.0:+.1f}{stars}"


def percent(value: float, deviation: float | None) -> str:
    """A share in percent, with its deviation over seeds where there is one."""
    return f"{100 * value:.1f}" + ("" if deviation is None else f"±{100 * deviation:.1f}")


def number(value: float, deviation: float | None) -> str:
    """A figure with its deviation over seeds where there is one."""
    digits = 0 if abs(value) >= 10 else 2
    return f"{value:.{digits}f}" + ("" if deviation is None else f"±{deviation:.{digits}f}")
