"""A run's report as one HTML file without outside resources."""

from collections.abc import Mapping, Sequence
from typing import Any

from gcl_spec.evaluate.evaluation import Report
from gcl_spec.evaluate.examples import Example
from gcl_spec.evaluate.failures import Failures
from gcl_spec.evaluate.projection import Projection
from gcl_spec.evaluate.small.curve import Curve
from gcl_spec.evaluate.sweeps.result import Sweep
from gcl_spec.report.failure_section import failure_section
from gcl_spec.report.pieces import (
    ReadImage,
    escape,
    figure_card,
    item_card,
    page,
    plain_table,
    spaced,
)
from gcl_spec.report.small_section import small_section
from gcl_spec.report.space_sections import space_section, training_section
from gcl_spec.report.sweep_section import section
from gcl_spec.report.tables import geometry_rows, report_rows, short_kind
from gcl_spec.tasks.task import MIXED

__all__ = ["render"]

_POOLS = {
    "global": "Global pool: all candidates of all searches together",
    "local": "Local pool: each search among its own candidates",
}

_WIDEST = 5  # the most modalities in a table of queries by candidates


def render(
    title: str,
    before: Report,
    after: Report,
    *,
    metrics: Sequence[Mapping[str, Any]] = (),
    examples: Sequence[tuple[Example, Example]] = (),
    projections: tuple[Projection | None, Projection | None] = (None, None),
    failures: Failures | None = None,
    read_image: ReadImage = lambda path: b"",
    sweep: Sweep | None = None,
    curve: Curve | None = None,
) -> str:
    """The page: headline, the searches before and after, training, space, examples, failures.

    Args:
        title: the name of the run.
        before, after: evaluations of the same tasks at the start and at the end.
        metrics: the lines of metrics.jsonl.
        examples: the same queries before and after.
        projections: some pairs in the space before and after, where there are any.
        failures: what the model gets wrong at the end.
        read_image: gives a small WebP of a picture, by the path in an item.
        sweep: the run's sweep, where one was made.
        curve: what smaller vectors of the run find, where that was measured.
    """
    searches = _searches(len(after.kinds()))
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="lead">Generalized contrastive learning: {searches} in one space, before and '
        "after this run. Values are hit@10 in percent.</p>",
        _cards(before, after),
        f"<h2>The {searches}</h2>",
        f'<div class="pools">{"".join(_pool(before, after, pool) for pool in _POOLS)}</div>',
        section(sweep),
        small_section(curve),
        training_section(metrics),
        "<h2>The space</h2>",
        space_section(*projections),
        plain_table(geometry_rows({"before": before, "after": after})),
        *(_examples(examples, read_image) if examples else ()),
        failure_section(failures, read_image),
        "<h2>All metrics after the run</h2>",
        *(f"<p class='note'>{_POOLS[p]}</p>{plain_table(report_rows(after, p))}" for p in _POOLS),
    ]
    return page(title, body)


def _cards(before: Report, after: Report) -> str:
    cards = []
    for pool in _POOLS:
        first, last = (100 * report.average(pool, "hit@10") for report in (before, after))
        cards.append(figure_card(f"{last:.1f}", f"average hit@10, {pool} pool", first, last, 1))
    gaps = [key for key in after.geometry if key.startswith("cosine of ")]
    for key, digits in (("effective rank", 0), *((gap, 2) for gap in gaps[:1])):
        if key in before.geometry and key in after.geometry:
            first, last = before.geometry[key], after.geometry[key]
            cards.append(figure_card(f"{last:.{digits}f}", key, first, last, digits))
    return f'<div class="cards">{"".join(cards)}</div>'


def _pool(before: Report, after: Report, pool: str) -> str:
    """A table of queries by candidates; a list where some searches are mixed, or it is too wide."""
    kinds, names = after.kinds(), after.modalities()
    if MIXED in kinds or len(names) > _WIDEST:
        rows = [["search", "before", "after"]]
        for kind in kinds:
            pair = [f"{100 * r.value(kind, pool, 'hit@10'):.1f}" for r in (before, after)]
            rows.append([short_kind(kind), *pair])
        return f'<div class="panel"><p class="note">{_POOLS[pool]}</p>{plain_table(rows)}</div>'
    head = "".join(f"<th>find {escape(spaced(name))}</th>" for name in names)
    lines = []
    for a in names:
        cells = (_cell(before, after, f"{a}->{b}", pool) for b in names)
        lines.append(f'<tr><th class="row">by {escape(spaced(a))}</th>{"".join(cells)}</tr>')
    return (
        f'<div class="panel"><p class="note">{_POOLS[pool]}</p>'
        f"<table><tr><th></th>{head}</tr>{''.join(lines)}</table></div>"
    )


def _searches(count: int) -> str:
    """The number of searches in words, such as "nine searches" for 9."""
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    number = words[count] if count < len(words) else str(count)
    return f"{number} search{'' if count == 1 else 'es'}"


def _cell(before: Report, after: Report, kind: str, pool: str) -> str:
    if kind not in after.kinds():
        return "<td></td>"
    first, last = (100 * report.value(kind, pool, "hit@10") for report in (before, after))
    shade = f"color-mix(in srgb, var(--accent) {0.55 * last:.0f}%, var(--card))"
    return (
        f'<td class="cell" style="background:{shade}"><b>{last:.1f}</b>'
        f"<small>{first:.1f} before ({last - first:+.1f})</small></td>"
    )


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
                f'<div class="panel"><b>{escape(short_kind(before.kind))}</b>',
            ]
            kind = before.kind
        strips = "".join(
            f'<div class="strip"><em>{name}</em>'
            + "".join(
                item_card(item, read_image, hit)
                for item, hit in zip(example.found, example.relevant, strict=True)
            )
            + "</div>"
            for name, example in (("before", before), ("after", after))
        )
        parts.append(
            f'<div class="example"><div>{item_card(before.query, read_image)}</div>'
            f"<div>{strips}</div></div>"
        )
    return [*parts, "</div>"]
