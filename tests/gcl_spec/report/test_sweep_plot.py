"""The triangles of a sweep."""

from dataclasses import replace
from xml.etree import ElementTree

from gcl_spec.report.sweep_plot import Plot, excess_plots, hit_plots, triangle
from sweeps import SWEEP, full

THREE = full(("image", "text", "image+text"))


def test_a_cell_for_each_composition_in_tenths() -> None:
    mean, *by_query = hit_plots(THREE)
    assert [plot.title for plot in by_query][-1] == "hit@10, search by image + text"
    svg = ElementTree.fromstring(triangle(THREE, mean))
    cells = [cell for cell in svg.iter("polygon") if cell.get("class") is None]
    assert len(cells) == 66
    titles = {str(cell.findtext("title")) for cell in cells}
    assert {"100:0:0: 80", "90:10:0: 74"} <= titles
    assert {frame.get("class") for frame in svg.iter("polygon")} == {None, "worst", "best"}
    width, height = (float(x) for x in str(svg.get("viewBox")).split()[2:])
    for cell in cells:
        for point in str(cell.get("points")).split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= height
    assert len({cell.get("points") for cell in cells}) == 66


def test_corners_lie_where_their_names_stand() -> None:
    svg = ElementTree.fromstring(triangle(THREE, hit_plots(THREE)[0]))
    place = {
        str(cell.findtext("title")).partition(": ")[0]: cell.get("points", "").split()[0].split(",")
        for cell in svg.iter("polygon")
        if cell.get("class") is None
    }
    left, right, top = (place[name] for name in ("100:0:0", "0:100:0", "0:0:100"))
    assert float(left[0]) < float(top[0]) < float(right[0])
    assert float(top[1]) < float(left[1]) == float(right[1])


def test_names_of_modalities_are_escaped() -> None:
    found = triangle(full(("a<\u202e", "b", "c")), Plot("x<", [0.0] * 67, 1.0))
    assert ">a&lt;\\u202e</text>" in found
    assert 'aria-label="x&lt;"' in found


def test_what_is_not_asked_has_an_empty_cell() -> None:
    gap = replace(THREE.measured[0], hit={}, top={})
    sweep = replace(THREE, measured=(gap, *THREE.measured[1:]))
    assert "100:0:0: not asked" in triangle(sweep, hit_plots(sweep)[0])


def test_own_shares_beyond_those_of_the_pool() -> None:
    """In 50:50 the picture's first ten are three pictures in four, a quarter more than the pool."""
    plots = excess_plots(SWEEP)
    assert plots[0].values[:2] == [0.0, 25.0]
    assert plots[0].largest == 25.0
    assert all(abs(value) < 1 for plot in excess_plots(THREE) for value in plot.values)
    signed = triangle(THREE, Plot("x", [-0.4, *([12.0] * 66)], 12.0), signed=True)
    assert "100:0:0: 0<" in signed
    assert "0:0:100: +12<" in signed
