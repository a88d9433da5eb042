"""A run's report as one HTML file without outside resources."""

import base64
import html
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from math import isfinite, nan
from typing import Any

from gcl_spec._words import escaped
from gcl_spec.evaluate.evaluation import Report
from gcl_spec.evaluate.examples import Example
from gcl_spec.evaluate.sweeps.result import Sweep
from gcl_spec.objective import name_parts
from gcl_spec.report.sweep_section import section
from gcl_spec.report.tables import geometry_rows, report_rows, short_kind
from gcl_spec.tasks.task import MIXED, Item

__all__ = ["render"]

_POOLS = {
    "global": "Global pool: all candidates of all searches together",
    "local": "Local pool: each search among its own candidates",
}

_WIDEST = 5  # modalities in a table of queries by candidates

ReadImage = Callable[[str], bytes]


def render(
    title: str,
    before: Report,
    after: Report,
    *,
    metrics: Sequence[Mapping[str, Any]] = (),
    examples: Sequence[tuple[Example, Example]] = (),
    read_image: ReadImage = lambda path: b"",
    sweep: Sweep | None = None,
) -> str:
    """The page: headline, the searches before and after, loss, geometry, examples.

    Args:
        title: the name of the run.
        before, after: evaluations of the same tasks at the start and at the end.
        metrics: the lines of metrics.jsonl.
        examples: the same queries before and after.
        read_image: gives a small WebP of a picture, by the path in an item.
        sweep: the run's sweep, where one was made.
    """
    searches = _searches(len(after.kinds()))
    css = files("gcl_spec.report").joinpath("report.css").read_text()
    body = [
        f"<h1>{_escape(title)}</h1>",
        f'<p class="lead">Generalized contrastive learning: {searches} in one space, before and '
        "after this run. Values are hit@10 in percent.</p>",
        _cards(before, after),
        f"<h2>The {searches}</h2>",
        f'<div class="pools">{"".join(_pool(before, after, pool) for pool in _POOLS)}</div>',
        section(sweep),
        _loss(metrics),
        "<h2>The space</h2>",
        _plain(geometry_rows({"before": before, "after": after})),
        *(_examples(examples, read_image) if examples else ()),
        "<h2>All metrics after the run</h2>",
        *(f"<p class='note'>{_POOLS[p]}</p>{_plain(report_rows(after, p))}" for p in _POOLS),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_escape(title)}</title><style>{css}</style></head>"
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )


def _cards(before: Report, after: Report) -> str:
    cards = []
    for pool in _POOLS:
        first, last = (100 * report.average(pool, "hit@10") for report in (before, after))
        cards.append(_card(f"{last:.1f}", f"average hit@10, {pool} pool", first, last, 1))
    gaps = [key for key in after.geometry if key.startswith("cosine of ")]
    for key, digits in (("effective rank", 0), *((gap, 2) for gap in gaps[:1])):
        if key in before.geometry and key in after.geometry:
            first, last = before.geometry[key], after.geometry[key]
            cards.append(_card(f"{last:.{digits}f}", key, first, last, digits))
    return f'<div class="cards">{"".join(cards)}</div>'


def _card(value: str, label: str, first: float, last: float, digits: int) -> str:
    kind = "up" if last >= first else "down"
    change = f'<span class="{kind}">{last - first:+.{digits}f}</span>'
    return (
        f'<div class="card"><b>{value}</b><span>{_escape(label)}<br>'
        f"before {first:.{digits}f}, {change}</span></div>"
    )


def _pool(before: Report, after: Report, pool: str) -> str:
    """A table of queries by candidates; a list where some searches are mixed, or it is too wide."""
    kinds, names = after.kinds(), after.modalities()
    if MIXED in kinds or len(names) > _WIDEST:
        rows = [["search", "before", "after"]]
        for kind in kinds:
            pair = [f"{100 * r.value(kind, pool, 'hit@10'):.1f}" for r in (before, after)]
            rows.append([short_kind(kind), *pair])
        return f'<div class="panel"><p class="note">{_POOLS[pool]}</p>{_plain(rows)}</div>'
    head = "".join(f"<th>find {_spaced(name)}</th>" for name in names)
    lines = []
    for a in names:
        cells = (_cell(before, after, f"{a}->{b}", pool) for b in names)
        lines.append(f'<tr><th class="row">by {_spaced(a)}</th>{"".join(cells)}</tr>')
    return (
        f'<div class="panel"><p class="note">{_POOLS[pool]}</p>'
        f"<table><tr><th></th>{head}</tr>{''.join(lines)}</table></div>"
    )


def _searches(count: int) -> str:
    """ "nine searches" for 9."""
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    number = words[count] if count < len(words) else str(count)
    return f"{number} search{'' if count == 1 else 'es'}"


def _spaced(modality: str) -> str:
    """ "image + text" for "image+text"."""
    return _escape(" + ".join(name_parts(modality)))


def _cell(before: Report, after: Report, kind: str, pool: str) -> str:
    if kind not in after.kinds():
        return "<td></td>"
    first, last = (100 * report.value(kind, pool, "hit@10") for report in (before, after))
    shade = f"color-mix(in srgb, var(--accent) {0.55 * last:.0f}%, var(--card))"
    return (
        f'<td class="cell" style="background:{shade}"><b>{last:.1f}</b>'
        f"<small>{first:.1f} before ({last - first:+.1f})</small></td>"
    )


def _loss(metrics: Sequence[Mapping[str, Any]]) -> str:
    points = [(m["step"], m["loss"]) for m in metrics if isfinite(m.get("loss", nan))]
    if len(points) < 2:
        return ""
    width, height, left, bottom = 980, 220, 48, 24
    steps, losses = zip(*points, strict=True)
    low, high = min(losses), max(losses)
    span_x, span_y = max(steps) - min(steps) or 1, high - low or 1.0

    def place(step: float, loss: float) -> tuple[float, float]:
        x = left + (width - left - 8) * (step - min(steps)) / span_x
        return x, 10 + (height - bottom - 16) * (high - loss) / span_y

    path = " L ".join(f"{x:.1f} {y:.1f}" for x, y in (place(*p) for p in points))
    grid = "".join(
        f'<line x1="{left}" x2="{width - 8}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{loss:.2f}</text>'
        for loss in (low, (low + high) / 2, high)
        for y in (place(steps[0], loss)[1],)
    )
    ends = (
        f'<text x="{left}" y="{height - 4}">step {steps[0]}</text>'
        f'<text x="{width - 8}" y="{height - 4}" text-anchor="end">step {steps[-1]}</text>'
    )
    return (
        '<h2>Training loss</h2><div class="panel">'
        f'<svg viewBox="0 0 {width} {height}" width="100%" role="img" aria-label="training loss">'
        f'{grid}<path d="M {path}"/>{ends}</svg></div>'
    )


def _plain(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    lines = ["".join(f"<th>{_escape(cell)}</th>" for cell in head)]
    lines += ["".join(f"<td>{_escape(cell)}</td>" for cell in row) for row in body]
    cells = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="panel"><table class="plain">{cells}</table></div>'


def _examples(pairs: Sequence[tuple[Example, Example]], read_image: ReadImage) -> list[str]:
    parts = [
        "<h2>What a few queries find</h2>",
        '<p class="note">The best five of the global pool, before and after; relevant ones have a '
        "green frame. The queries were chosen by their place in the file, not by the result.</p>",
    ]
    kind = ""
    for before, after in pairs:
        if before.kind != kind:
            parts += [
                "</div>" if kind else "",
                f'<div class="panel"><b>{short_kind(before.kind)}</b>',
            ]
            kind = before.kind
        strips = "".join(
            f'<div class="strip"><em>{name}</em>'
            + "".join(
                _item(item, read_image, hit)
                for item, hit in zip(example.found, example.relevant, strict=True)
            )
            + "</div>"
            for name, example in (("before", before), ("after", after))
        )
        parts.append(
            f'<div class="example"><div>{_item(before.query, read_image)}</div>'
            f"<div>{strips}</div></div>"
        )
    return [*parts, "</div>"]


def _item(item: Item, read_image: ReadImage, hit: bool = False) -> str:
    picture = ""
    if item.image is not None:
        data = base64.b64encode(read_image(item.image)).decode()
        picture = f'<img alt="" src="data:image/webp;base64,{data}">'
    text = f"<div>{_escape(item.text)}</div>" if item.text is not None else ""
    others = [(name, value) for name, value in item.content if name not in ("image", "text")]
    text += "".join(f"<div>{_escape(f'{name} {value}')}</div>" for name, value in others)
    return f'<div class="item{" hit" if hit else ""}">{picture}{text}</div>'


def _escape(text: str) -> str:
    """Text as HTML, which shows marks that turn the direction of writing."""
    return html.escape(escaped(text))
