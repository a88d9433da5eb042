"""Charts: what is drawn, and where."""

import re
from math import nan

from gcl_spec.report.charts import line_chart, scatter


def test_lines_reach_from_the_lowest_to_the_highest_value() -> None:
    chart = line_chart("two <lines>", {"a": [(1, 0.0), (3, 4.0)], "b<\u202e": [(1, 2.0), (2, 1.0)]})
    first, second = re.findall(r'<path class="c(\d)" d="M ([^"]+)"', chart)
    assert (first[0], second[0]) == ("0", "1")
    (x0, y0), (x1, y1) = (map(float, p.split()) for p in first[1].split(" L "))
    assert x0 < x1
    assert y0 > y1, "larger values are higher"
    assert 'aria-label="two &lt;lines&gt;"' in chart
    assert "b&lt;\\u202e</span>" in chart, "marks that turn the direction of writing are shown"
    assert "step 1</text>" in chart
    assert "step 3</text>" in chart
    assert ">4.00</text>" in chart


def test_what_cannot_be_drawn_is_left_out() -> None:
    assert line_chart("none", {}) == ""
    assert line_chart("none", {"a": [(1, 2.0)], "b": [(1, nan), (2, nan), (3, 1.0)]}) == ""
    chart = line_chart("one", {"a": [(1, 2.0), (2, nan), (3, 2.0)], "b": [(1, 1.0)]})
    assert chart.count("<path") == 1
    assert "nan" not in chart
    assert "legend" not in chart, "one line needs none"


def test_pairs_are_joined_and_distances_kept() -> None:
    drawn = scatter("pairs", {"image": [(0, 0), (1, 0)], "text": [(0, 2), (1, 2)]})
    lines = [
        [tuple(map(float, point.split(","))) for point in points.split()]
        for points in re.findall(r'<polyline points="([^"]+)"', drawn)
    ]
    dots = re.findall(r'<circle class="c(\d)" cx="([\d.]+)" cy="([\d.]+)"', drawn)
    images, texts = zip(*lines, strict=True)
    assert [(float(x), float(y)) for _, x, y in dots] == [*images, *texts]
    assert [colour for colour, _, _ in dots] == ["0", "0", "1", "1"]
    (a, b), (c, _) = lines
    assert abs(b[1] - a[1]) == 2 * abs(c[0] - a[0]), "one scale for both axes"
    assert scatter("one place", {"image": [(1.0, 1.0)]}).count("<circle") == 1
