"""The part of the page on small vectors."""

import re
from dataclasses import replace

from gapped_space import I2T, T2I, gapped
from gcl_spec.evaluate.evaluation import evaluate
from gcl_spec.evaluate.small.curve import Curve, Measured
from gcl_spec.evaluate.small.forms import FORMS
from gcl_spec.report.html import render
from gcl_spec.report.small_section import small_section, with_curve
from reports import report

WHOLE = Measured("float32", 256, 1024, report([1.0, 0.5]))
CURVE = Curve(
    256,
    (
        Measured("binary", 256, 32, report([0.5, 0.0])),
        Measured("binary+bits", 256, 32, report([0.5, 0.25]), 41.25),
        Measured("float32", 64, 256, report([1.0, 0.25])),
        WHOLE,
    ),
    (("data", "starter"), ("step", "2")),
)


def test_a_page_gets_its_curve_later_or_at_once() -> None:
    """The page that a curve was put into is that of a training that has found it."""
    found = evaluate(gapped(1.0), [T2I, I2T])
    page = render("run", found, found)
    assert small_section(None) in page
    whole = render("run", found, found, curve=CURVE)
    assert with_curve(page, CURVE) == whole
    other = replace(CURVE, measured=(WHOLE,))
    assert with_curve(whole, other) == render("run", found, found, curve=other)
    assert with_curve("<p>an older page</p>", CURVE) is None


def test_a_chart_of_the_average_one_of_each_search_and_tables() -> None:
    found = small_section(CURVE)
    titles = re.findall(r'<title id="[^"]*">([^<]*)</title>', found)
    assert titles == [
        "Average hit@10 by the bytes of a vector, global pool", "hit@10 of T -&gt; I, global pool"
    ]  # fmt: skip
    assert found.count("<td>float32</td>") == 2
    assert "<td>binary+bits 256</td><td>37.5</td>" in found
    assert "Measured: data starter, step 2." in found
    assert "http" not in found


def test_a_line_for_each_form_and_those_scored_again_are_dashed() -> None:
    found = small_section(CURVE)
    legend = re.search(r'<p class="legend">.*?</p>', found)[0]
    names = re.findall(r'<i class="c(\d)"></i>([^<]*)<', legend)
    assert names == [("0", "float32"), ("1", "binary"), ("2", "binary+bits")]
    whole = replace(CURVE, measured=tuple(replace(WHOLE, form=name) for name in FORMS))
    assert small_section(whole).count("<circle") == 2 * len(FORMS)
    again = Measured("binary+bits", 64, 8, report([0.5, 0.0]), 40.0)
    two = small_section(replace(CURVE, measured=(again, *CURVE.measured)))
    assert two.count("stroke-dasharray") == 2
    assert len(re.findall('<path class="c2" stroke-dasharray', two)) == 2


def test_texts_of_others_are_escaped() -> None:
    evil = replace(CURVE, origin=(("data", "</section><script>\x1b[2J"),))
    found = small_section(evil)
    assert "<script>" not in found
    assert "\x1b" not in found
    assert found.count("</section>") == 1
    assert with_curve(found, evil) == found
