"""Charts as SVG in the colours of the page (`report.css`), which has light and dark ones."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TypeAlias

from gcl_spec.report.pieces import escape

__all__ = ["Points", "legend", "line_chart", "scatter"]

Points: TypeAlias = Sequence[tuple[float, float]]

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 980, 240, 84, 24, 40  # phones have larger letters
_COLOURS = 9  # how many classes c0, c1, ... the style sheet has


def line_chart(label: str, series: Mapping[str, Points], *, digits: int = 2) -> str:
    """Lines over training steps, with a legend where there are several.

    Args:
        label: what readers who cannot see it are told.
        series: by name the points (step, value); those that are not finite are left out, and so is
            a name with fewer than two.
        digits: of the numbers at the axis.

    Returns:
        The chart, or "" where no line is left.
    """
    finite = {n: [p for p in points if isfinite(p[1])] for n, points in series.items()}
    lines = {name: points for name, points in finite.items() if len(points) > 1}
    if not lines:
        return ""
    steps = [step for points in lines.values() for step, _ in points]
    values = [value for points in lines.values() for _, value in points]
    low, high, first, last = min(values), max(values), min(steps), max(steps)

    def place(step: float, value: float) -> tuple[float, float]:
        x = _LEFT + (_WIDTH - _LEFT - 8) * (step - first) / (last - first or 1)
        return x, _TOP + (_HEIGHT - _BOTTOM - _TOP) * (high - value) / (high - low or 1.0)

    grid = "".join(
        f'<line x1="{_LEFT}" x2="{_WIDTH - 8}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.{digits}f}</text>'
        for value in (low, (low + high) / 2, high)
        for y in (place(first, value)[1],)
    )
    paths = "".join(
        f'<path class="c{n % _COLOURS}" d="M {" L ".join(f"{x:.1f} {y:.1f}" for x, y in places)}"/>'
        for n, points in enumerate(lines.values())
        for places in ([place(*point) for point in points],)
    )
    ends = (
        f'<text x="{_LEFT}" y="{_HEIGHT - 4}">step {first:g}</text>'
        f'<text x="{_WIDTH - 8}" y="{_HEIGHT - 4}" text-anchor="end">step {last:g}</text>'
    )
    drawn = _svg(label, _WIDTH, _HEIGHT, f"{grid}{paths}{ends}")
    return f'<div class="panel">{legend(list(lines)) if len(lines) > 1 else ""}{drawn}</div>'


def scatter(label: str, groups: Mapping[str, Points]) -> str:
    """Points of groups; the n-th points of all of them are joined by a thin line.

    Args:
        label: what readers who cannot see it are told.
        groups: by name equally many points.
    """
    every = [point for points in groups.values() for point in points]
    side, edge = 460, 12
    lows = [min(point[axis] for point in every) for axis in (0, 1)]
    # One scale for both axes, so that distances look as they are.
    span = max(max(point[n] for point in every) - lows[n] for n in (0, 1)) or 1.0

    def place(point: tuple[float, float]) -> tuple[float, float]:
        x, y = ((point[n] - lows[n]) / span for n in (0, 1))
        return edge + (side - 2 * edge) * x, side - edge - (side - 2 * edge) * y

    places = {name: [place(point) for point in points] for name, points in groups.items()}
    joined = "".join(
        f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in together)}"/>'
        for together in zip(*places.values(), strict=True)
    )
    dots = "".join(
        f'<circle class="c{n}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
        for n, own in enumerate(places.values())
        for x, y in own
    )
    return _svg(label, side, side, f"{joined}{dots}")


def legend(names: Sequence[str]) -> str:
    """The names beside their colours."""
    keys = "".join(
        f'<span><i class="c{n % _COLOURS}"></i>{escape(name)}</span>'
        for n, name in enumerate(names)
    )
    return f'<p class="legend">{keys}</p>'


def _svg(label: str, width: int, height: int, content: str) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" width="100%" role="img" '
        f'aria-label="{escape(label)}">{content}</svg>'
    )
