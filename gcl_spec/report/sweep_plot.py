"""Triangles of compositions of three modalities as SVG, a cell with its number for each of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, sqrt

from gcl_spec.evaluate.sweeps.result import Measured, Sweep
from gcl_spec.report.pieces import escape, spaced

__all__ = ["Plot", "excess_plots", "hit_plots", "triangle"]

_SIDE, _LEFT, _TOP = 300.0, 26.0, 44.0
_HEIGHT = _SIDE * sqrt(3) / 2
_STRONGEST = 55  # percent of the colour; text stays readable on it


@dataclass(frozen=True, slots=True)
class Plot:
    """A number for each composition, in points.

    title: what it is. values: NaN where there is none. largest: what has the full colour.
    """

    title: str
    values: Sequence[float]
    largest: float


def hit_plots(sweep: Sweep) -> list[Plot]:
    """hit@10 in the mean, and by each modality of queries, all in one scale of colours."""
    plots = [("hit@10, mean over the queries' modalities", [one.value for one in sweep.measured])]
    for name in sweep.modalities:
        values = [one.hit[name][1] if name in one.hit else float("nan") for one in sweep.measured]
        plots.append((f"hit@10, search by {spaced(name)}", values))
    return _in_one_scale(plots)


def excess_plots(sweep: Sweep) -> list[Plot]:
    """A plot for each modality of queries: its share of the first ten minus that of the pool."""
    plots = []
    for m, name in enumerate(sweep.modalities):
        values = [
            one.top[name][m] - one.counts[m] / sweep.concepts if name in one.top else float("nan")
            for one in sweep.measured
        ]
        plots.append((f"search by {spaced(name)}: {spaced(name)} in the top 10 minus pool", values))
    return _in_one_scale(plots)


def triangle(sweep: Sweep, plot: Plot, *, signed: bool = False) -> str:
    """An SVG with a cell for each composition in tenths, the worst and best of `sweep` framed.

    Args:
        sweep: of three modalities.
        plot: what the cells show.
        signed: are there numbers below 0, which have a colour of their own?
    """
    cells, frames, worst, best = [], [], sweep.worst, sweep.best
    for one, value in zip(sweep.measured, plot.values, strict=True):
        if sum(one.composition.weights) != 10:
            continue
        x, y = _place(one.composition.shares)
        cells.append(_cell(one, value, plot.largest, x, y, signed))
        if not signed and (one is worst or one is best):
            kind = "worst" if one is worst else "best"
            frames.append(f'<polygon class="{kind}" points="{_hexagon(x, y)}"/>')
    width, height = _SIDE + 2 * _LEFT, _HEIGHT + _TOP + 52
    corners = "".join(
        f'<text class="corner" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(name)}</text>'
        for name, (x, y), anchor in zip(
            map(spaced, sweep.modalities),
            ((4.0, height - 8), (width - 4, height - 8), (width / 2, 16.0)),
            ("start", "end", "middle"),
            strict=True,
        )
    )
    return (
        f'<svg class="tri" viewBox="0 0 {width:.0f} {height:.0f}" width="100%" role="img" '
        f'aria-label="{escape(plot.title)}">{"".join(cells)}{"".join(frames)}{corners}</svg>'
    )


def _in_one_scale(plots: Sequence[tuple[str, Sequence[float]]]) -> list[Plot]:
    points = [(title, [100 * value for value in values]) for title, values in plots]
    known = [abs(x) for _, values in points for x in values if not isnan(x)]
    return [Plot(title, values, max(known, default=1.0) or 1.0) for title, values in points]


def _place(shares: Sequence[float]) -> tuple[float, float]:
    """The first modality is at the left, the second one at the right, the third one at the top."""
    return _LEFT + _SIDE * (shares[1] + shares[2] / 2), _TOP + _HEIGHT * (1 - shares[2])


def _cell(one: Measured, value: float, largest: float, x: float, y: float, signed: bool) -> str:
    shown = "" if isnan(value) else f"{value:+.0f}" if signed else f"{value:.0f}"
    shown = "0" if shown in ("+0", "-0") else shown
    colour = "var(--warm)" if value < 0 else "var(--accent)"
    part = 0 if isnan(value) else _STRONGEST * min(1.0, abs(value) / largest)
    fill = f"color-mix(in srgb, {colour} {part:.0f}%, var(--card))"
    return (
        f'<polygon points="{_hexagon(x, y)}" style="fill:{fill}">'
        f"<title>{one.name}: {shown or 'not asked'}</title></polygon>"
        f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle">{shown}</text>'
    )


def _hexagon(x: float, y: float) -> str:
    half, radius = _SIDE / 20, _SIDE / 10 / sqrt(3)
    corners = (
        (0, -radius), (half, -radius / 2), (half, radius / 2),
        (0, radius), (-half, radius / 2), (-half, -radius / 2),
    )  # fmt: skip
    return " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
