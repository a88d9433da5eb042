"""Outcomes as tables for a terminal of 80 columns."""

from collections.abc import Sequence
from statistics import median

from gcl_spec.bench.suite import Described, Outcome, Settings

__all__ = ["notes", "progress_line", "rows", "title"]

_HEAD = ["candidate", "N", "ms", "products", "MB", "computes"]
_REASON = 90


def title(settings: Settings, described: Described) -> str:
    """The heading of a backend's table: what all its rows have in common."""
    threads = f"{settings.threads} thread{'s' if settings.threads > 1 else ''}"
    return (
        f"{described.name} {described.version}, {described.device}, {settings.dtype}, "
        f"d = {settings.width}, {threads}"
    )


def rows(settings: Settings, described: Described, outcomes: Sequence[Outcome]) -> list[list[str]]:
    """Headings, then for each batch the product and every candidate; a failure says why."""
    table = [_HEAD]
    own = [outcome for outcome in outcomes if outcome.case.backend == described.name]
    for batch in dict.fromkeys(outcome.case.batch for outcome in own):
        here = [outcome for outcome in own if outcome.case.batch == batch]
        products = [ms for outcome in here for ms in outcome.found.get("product_ms", [])]
        if products:
            table.append(["one product", str(batch), _number(median(products)), "1.00", "", ""])
        table += [_row(settings, described, outcome) for outcome in here]
    return table


def _row(settings: Settings, described: Described, outcome: Outcome) -> list[str]:
    name, figures = outcome.case.candidate, outcome.found
    start = [name, str(outcome.case.batch)]
    if outcome.error:
        reason = outcome.error
        short = reason if len(reason) <= _REASON else f"{reason[: _REASON - 3]}..."
        return [*start, "-", "-", "-", f"failed: {short}"]
    note = described.candidates[name]["computes"] or settings.objective
    if figures["compile_s"] is not None:
        note += f", compiled in {figures['compile_s']:.1f} s"
    peak = "-" if figures["peak_mb"] is None else f"{figures['peak_mb']:,.0f}"
    return [*start, _number(figures["ms"]), f"{figures['products']:.2f}", peak, note]


def notes(described: Sequence[Described], outcomes: Sequence[Outcome]) -> list[str]:
    """The units, then a line for every candidate that was measured."""
    lines = [
        "ms        median of forward + backward, gradients of every input and the scale",
        "products  the same in products (3N x d)(d x 3N) of this library, made in turn",
        "MB        most memory over the inputs, gradients included",
    ]
    for backend in described:
        names = dict.fromkeys(
            o.case.candidate for o in outcomes if o.case.backend == backend.name and not o.error
        )
        lines += [f"{backend.name} {name}: {backend.candidates[name]['about']}" for name in names]
    return list(dict.fromkeys(lines))


def progress_line(outcome: Outcome) -> str:
    """The line that is shown when a case is done."""
    case = outcome.case
    start = f"{case.backend} {case.candidate}, N = {case.batch}"
    if outcome.error:
        return f"{start}: failed: {outcome.error}"
    return f"{start}: {_number(outcome.found['ms'])} ms, {outcome.found['products']:.2f} products"


def _number(ms: float) -> str:
    return f"{ms:,.0f}" if ms >= 100 else f"{ms:.3g}"
