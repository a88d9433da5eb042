"""The page and the figure of an ablation."""

from collections.abc import Callable, Sequence

from gcl_spec.evaluate.ablated import COLUMNS, NONE, AblationRow
from gcl_spec.report.ablation_tables import PAPER, ablation_rows, geometry_rows, legend, titles
from gcl_spec.report.pieces import escape, page, plain_table

__all__ = ["ablation_page", "figure"]

_LEFT, _RIGHT, _LINE, _TOP, _FOOT = 190.0, 16.0, 20.0, 26.0, 44.0
_WIDTH, _LETTER = 720.0, 7.0
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#667085}line{stroke:#d0d5dd}"
    ".c0{fill:#3461d1;stroke:#3461d1}.c1{fill:#e07b39;stroke:#e07b39}"
    ".c2{fill:#1fa187;stroke:#1fa187}.c3{fill:#b65fcf;stroke:#b65fcf}"
)
_COLOURS = 4


def figure(rows: Sequence[AblationRow], *, alone: bool = False) -> str:
    """An SVG: global hit@10 of every objective and scale, a dot for each calibration.

    A line through a dot goes one standard deviation over seeds to each side.

    Args:
        rows: of an ablation.
        alone: for a file of its own, whose colours suit light and dark pages.
    """
    shown = [row for row in rows if row.scores is not None]
    names = list(titles(shown))
    settings = list(dict.fromkeys((row.objective, row.scale) for row in shown))
    points = {(row.objective, row.scale, row.calibration): row.value(COLUMNS[0]) for row in shown}
    values = [100 * value + 100 * s * (d or 0.0) for value, d in points.values() for s in (-1, 1)]
    low, high = (min(values) // 5 * 5, -(-max(values) // 5) * 5) if values else (0.0, 100.0)
    height = _TOP + _LINE * len(settings) + _FOOT
    texts = [f"{objective}, {scale}" if scale else objective for objective, scale in settings]
    left = max([_LEFT, *(_LETTER * len(text) + 14 for text in texts)])

    def x(percent: float) -> float:
        return left + (_WIDTH - left - _RIGHT) * (percent - low) / (high - low or 1.0)

    parts = [_axis(x, low, high, height), _legend([titles(shown)[name] for name in names], left)]
    for n, (objective, scale) in enumerate(settings):
        y = _TOP + _LINE * (n + 0.5)
        text = escape(texts[n])
        parts.append(f'<text x="{left - 10}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
        for m, name in enumerate(names):
            if (point := points.get((objective, scale, name))) is not None:
                parts.append(_dot(x, y, *point, m % _COLOURS))
    style = f"<style>{_STYLE}</style>" if alone else ""
    space = ' xmlns="http://www.w3.org/2000/svg"' if alone else ""
    return (
        f'<svg{space} class="dots" viewBox="0 0 {_WIDTH:.0f} {height:.0f}" width="100%" role="img" '
        f'aria-label="global hit@10 by objective and scale">{style}{"".join(parts)}</svg>'
    )


def ablation_page(title: str, command: str, rows: Sequence[AblationRow], reference: str) -> str:
    """The whole page: figure, a table for each calibration, the space, what failed.

    Args:
        title: the name of the ablation's folder.
        command: with which it was made.
        rows: of the ablation.
        reference: the objective that others are compared with.
    """
    body = [
        f"<h1>{escape(title)}</h1>",
        '<p class="lead">Objectives and scales, trained alike. Values are hit@10 in percent, mean '
        "± standard deviation over seeds; the global pool has the candidates of all searches.</p>",
        f'<p class="note"><code>{escape(command)}</code></p>',
        f'<div class="panel">{figure(rows)}</div>',
    ]
    for name, label in titles(rows).items():
        body.append(f"<h2>{escape(label.capitalize())}</h2>")
        body.append(plain_table(ablation_rows(rows, name)))
    body.append(f'<p class="note"><br>{escape(legend(reference))}</p>')
    body += ["<h2>The space</h2>", plain_table(geometry_rows(rows)), *_paper(rows)]
    failed = [
        f"{r.objective}, {r.scale}: {why}"
        for r in rows
        if r.calibration == NONE
        for why in r.failed
    ]
    if failed:
        lines = "".join(f"<li>{escape(line)}</li>" for line in failed)
        body.append(f'<h2>What failed</h2><ul class="note">{lines}</ul>')
    return page(title, body)


def _paper(rows: Sequence[AblationRow]) -> list[str]:
    names = [name for name in dict.fromkeys(row.objective for row in rows) if name in PAPER]
    table = [["objective", "the paper's: VISTA on M-BEIR, global hit@50"]]
    table += [[name, f"{PAPER[name]:.2f}"] for name in names]
    note = "Another model on other data; only the order can be compared (arXiv 2509.25638)."
    return ["<h2>In the paper</h2>", plain_table(table), f'<p class="note">{note}</p>']


def _axis(x: Callable[[float], float], low: float, high: float, height: float) -> str:
    step = 5 if high - low <= 40 else 10
    marks = [low + step * n for n in range(int((high - low) / step) + 1)]
    return "".join(
        f'<line x1="{x(mark):.1f}" x2="{x(mark):.1f}" y1="{_TOP}" y2="{height - _FOOT}"/>'
        f'<text x="{x(mark):.1f}" y="{height - 26}" text-anchor="middle">{mark:g}</text>'
        for mark in marks
    ) + (
        f'<text x="{(x(low) + x(high)) / 2:.1f}" y="{height - 6}" text-anchor="middle">'
        "hit@10 in percent, global pool; lines: one standard deviation over seeds</text>"
    )


def _legend(labels: Sequence[str], left: float) -> str:
    return "".join(
        f'<circle class="c{n % _COLOURS}" cx="{left + 150 * n:.0f}" cy="10" r="4"/>'
        f'<text x="{left + 150 * n + 9:.0f}" y="14">{escape(label)}</text>'
        for n, label in enumerate(labels)
    )


def _dot(
    x: Callable[[float], float], y: float, value: float, deviation: float | None, colour: int
) -> str:
    spread = ""
    if deviation:
        ends = [x(100 * (value + sign * deviation)) for sign in (-1, 1)]
        spread = (
            f'<line class="c{colour}" x1="{ends[0]:.1f}" x2="{ends[1]:.1f}" '
            f'y1="{y:.1f}" y2="{y:.1f}"/>'
        )
    return f'{spread}<circle class="c{colour}" cx="{x(100 * value):.1f}" cy="{y:.1f}" r="4"/>'
