"""The page and the figure of an ablation."""

import re
from dataclasses import replace
from xml.etree import ElementTree

from gcl_spec.evaluate.ablated import row_of
from gcl_spec.report.ablation_page import ablation_page, figure
from reports import report

LOW, HIGH = [report([0.0, 1.0]), report([0.0, 0.0])], [report([1.0, 1.0])]
ROWS = [
    row_of("gcl", "16", "none", LOW, ("seed 2: <b>nan</b>",)),
    row_of("gcl", "16", "mean", HIGH),
    row_of("clip", "learned", "none", HIGH),
    row_of("pairwise", "16", "none", []),
]


def test_a_dot_for_each_row_that_is_done_at_its_place() -> None:
    root = ElementTree.fromstring(figure(ROWS, alone=True))
    circles = [e for e in root.iter() if e.tag.endswith("circle")]
    dots = [c for c in circles if float(c.attrib["cy"]) > 20]
    assert [c.attrib["class"] for c in dots] == ["c0", "c1", "c0"]
    x = [float(c.attrib["cx"]) for c in dots]
    assert x[1] == x[2] > x[0]
    texts = ["".join(e.itertext()) for e in root.iter() if e.tag.endswith("text")]
    assert {"gcl, 16", "clip, learned", "as embedded", "with mean"} <= {*texts}
    bars = [e for e in root.iter() if e.tag.endswith("line") and "class" in e.attrib]
    assert len(bars) == 1, "one row has a deviation"
    assert float(bars[0].attrib["x2"]) - float(bars[0].attrib["x1"]) > 10
    middle = (float(bars[0].attrib["x1"]) + float(bars[0].attrib["x2"])) / 2
    assert abs(middle - x[0]) < 0.1


def test_nothing_done_is_still_a_figure() -> None:
    assert "<circle" not in figure([ROWS[-1]])


def test_the_page_has_what_failed_escaped_and_no_outside_resource() -> None:
    page = ablation_page("a<b", "gcl ablate --seeds 2", ROWS, "gcl")
    assert "<h1>a&lt;b</h1>" in page
    assert "gcl, 16: seed 2: &lt;b&gt;nan&lt;/b&gt;" in page
    assert "With mean" in page
    assert "34.06" in page
    assert not re.search(r"(src|href)=", page)


def test_long_names_have_room() -> None:
    name = "temperature-per-pair+dropout-of-towers"
    root = ElementTree.fromstring(figure([replace(ROWS[0], objective=name)], alone=True))
    (label,) = [x for x in root.iter() if x.text and x.text.startswith(name)]
    assert float(label.attrib["x"]) >= 6.5 * len(str(label.text)), "the text ends at x"
