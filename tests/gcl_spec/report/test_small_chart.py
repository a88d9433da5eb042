"""The chart of hits by bytes."""

from xml.etree import ElementTree

import pytest

from gcl_spec.report.small_chart import Line, small_chart

LINES = (
    Line("float32", 0, False, [(512, 70.0), (1024, 75.0)]),
    Line("binary & bits", 3, True, [(16, 61.2), (32, 68.0)]),
)


def drawn(chart: str) -> ElementTree.Element:
    return ElementTree.fromstring(chart)


def test_equal_factors_of_bytes_are_equally_far() -> None:
    chart = drawn(small_chart("hit@10", LINES, wide=True))
    x = [float(dot.attrib["cx"]) for dot in chart.iter("circle")]
    wide = (x[1] - x[2]) / 6  # of a factor of two, of which 16 and 1,024 are six apart
    assert wide > 100
    assert x == pytest.approx([x[2] + 5 * wide, x[1], x[2], x[2] + wide], abs=0.11)
    y = [float(dot.attrib["cy"]) for dot in chart.iter("circle")]
    assert y[1] < y[0] < y[3] < y[2], "higher values stand higher"
    assert round((y[0] - y[1]) / (y[3] - y[1]), 2) == round(5 / 7, 2)


def test_axes_have_round_numbers() -> None:
    chart = drawn(small_chart("hit@10", LINES, wide=True))
    said = [text.text for text in chart.iter("text")]
    assert said == ["60", "65", "70", "75", "16", "32", "64", "128", "256", "512", "1,024"]
    beside = drawn(small_chart("hit@10", LINES, wide=False, among=[2.0]))
    assert [text.text for text in beside.iter("text")][:5] == ["0", "20", "40", "60", "80"]
    many = [Line("float32", 0, False, [(1, 50.0), (2**15, 50.0)])]
    said = [text.text for text in drawn(small_chart("x", many, wide=True)).iter("text")]
    assert said == ["50", "51", "1", "4", "16", "64", "256", "1,024", "4,096", "16,384"]


def test_those_who_do_not_see_it_are_told_the_points() -> None:
    chart = drawn(small_chart("hit@10, global", LINES, wide=True))
    (title, desc) = chart.findall("title") + chart.findall("desc")
    assert (chart.attrib["role"], title.text) == ("img", "hit@10, global")
    assert chart.attrib["aria-labelledby"] == title.attrib["id"]
    assert chart.attrib["aria-describedby"] == desc.attrib["id"] != title.attrib["id"]
    assert desc.text == (
        "float32: 70.0 % at 512 bytes, 75.0 % at 1,024 bytes; "
        "binary & bits: 61.2 % at 16 bytes, 68.0 % at 32 bytes"
    )
    assert next(chart.iter("circle")).find("title").text == "float32: 70.0 % at 512 bytes"


def test_lines_are_dashed_and_one_point_is_none() -> None:
    chart = drawn(small_chart("x", LINES, wide=True))
    paths = [*chart.iter("path")]
    assert [path.attrib.get("class") for path in paths] == ["c0", "c3"]
    assert ["stroke-dasharray" in path.attrib for path in paths] == [False, True]
    chart = drawn(small_chart("x", [Line("int8", 2, False, [(300, 100.0)])], wide=True))
    assert [*chart.iter("path")] == []
    assert [text.text for text in chart.iter("text")] == ["100", "101", "256"]
    assert all(0 < float(dot.attrib["cx"]) < 980 for dot in chart.iter("circle"))
