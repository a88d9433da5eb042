"""A chart of hits by the bytes of a stored vector, as SVG in the colours of the page."""

from collections.abc import Sequence
from math import ceil, floor, log2
from typing import NamedTuple

from gcl_spec.report.pieces import escape

__all__ = ["Line", "small_chart"]

_TOP, _BOTTOM, _HEIGHT = 16, 34, 260
_STEPS = (1, 2, 5, 10, 20, 50, 100)
_PLACES = 8  # ticks of an axis at most


class Line(NamedTuple):
    """A line of the chart.

    name: what it is. colour: the number of a class c0, c1, ... of the style sheet. dashed: how it
    is drawn. points: bytes of a vector and percent, in the order of the bytes.
    """

    name: str
    colour: int
    dashed: bool
    points: Sequence[tuple[int, float]]


def small_chart(
    title: str, lines: Sequence[Line], *, wide: bool, among: Sequence[float] = ()
) -> str:
    """Percent by bytes of a vector, with a logarithmic axis; each point is marked.

    Readers who do not see it are told the title and all points, and a pointer that rests on a point
    shows its numbers.

    Args:
        title: what the percent are, of its page alone, since the parts refer to each other by it.
        lines: one at least, each with a point at least.
        wide: does it stand alone in its row?
        among: values whose range the axis has, too, such as those of charts beside it.
    """
    width, left, edge = (980, 64, 37) if wide else (460, 40, 18)
    sizes = [size for line in lines for size, _ in line.points]
    values = [value for line in lines for _, value in line.points]
    first, last = log2(min(sizes)), log2(max(sizes))
    if last - first < 1:  # so that a power of two lies between them
        first, last = first - 0.5, last + 0.5
    levels = _levels(min((*values, *among)), max((*values, *among)))

    def place(size: float, value: float) -> tuple[float, float]:
        x = left + edge + (width - left - 2 * edge) * (log2(size) - first) / (last - first)
        high = (levels[-1] - value) / (levels[-1] - levels[0])
        return x, _TOP + (_HEIGHT - _TOP - _BOTTOM) * high

    grid = "".join(
        f'<line x1="{left}" x2="{width}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{level}</text>'
        for level in levels
        for y in (place(sizes[0], level)[1],)
    )
    ticks = "".join(
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_HEIGHT - _BOTTOM}" y2="{_HEIGHT - _BOTTOM + 5}"/>'
        f'<text x="{x:.1f}" y="{_HEIGHT - 8}" text-anchor="middle">{size:,}</text>'
        for size in _sizes(first, last)
        for x in (place(size, levels[0])[0],)
    )
    drawn = "".join(_drawn(line, [place(*point) for point in line.points]) for line in lines)
    told = "; ".join(f"{line.name}: {', '.join(map(_said, line.points))}" for line in lines)
    name = "".join(letter if letter.isalnum() else "-" for letter in title)
    return (
        f'<svg class="small{" wide" if wide else ""}" viewBox="0 0 {width} {_HEIGHT}" '
        f'width="100%" role="img" aria-labelledby="{name}" aria-describedby="{name}-points">'
        f'<title id="{name}">{escape(title)}</title>'
        f'<desc id="{name}-points">{escape(told)}</desc>{grid}{ticks}{drawn}</svg>'
    )


def _drawn(line: Line, places: Sequence[tuple[float, float]]) -> str:
    dashes = ' stroke-dasharray="7 5"' if line.dashed else ""
    path = f'<path class="c{line.colour}"{dashes} d="M {" L ".join(map(_at, places))}"/>'
    dots = "".join(
        f'<circle class="c{line.colour}" cx="{x:.1f}" cy="{y:.1f}" r="4.5">'
        f"<title>{escape(f'{line.name}: {_said(point)}')}</title></circle>"
        for point, (x, y) in zip(line.points, places, strict=True)
    )
    return (path if len(places) > 1 else "") + dots


def _at(place: tuple[float, float]) -> str:
    return f"{place[0]:.1f} {place[1]:.1f}"


def _said(point: tuple[int, float]) -> str:
    return f"{point[1]:.1f} % at {point[0]:,} bytes"


def _levels(low: float, high: float) -> list[int]:
    """Round numbers from one at most `low` to one at least `high`, six at most.

    >>> _levels(61.2, 74.9)
    [60, 65, 70, 75]
    """
    for step in _STEPS:
        first, last = floor(low / step), max(ceil(high / step), floor(low / step) + 1)
        if last - first < 6:
            break
    return [step * n for n in range(first, last + 1)]


def _sizes(first: float, last: float) -> list[int]:
    """Powers of two whose logarithms lie between two numbers, at most `_PLACES` of them.

    >>> _sizes(3.0, 6.5)
    [8, 16, 32, 64]
    """
    powers = range(ceil(first), floor(last) + 1)
    return [2**n for n in powers if n >= 0][:: ceil(len(powers) / _PLACES)]
