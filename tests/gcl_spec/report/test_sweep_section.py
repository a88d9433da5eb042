"""The part of the page on a sweep."""

from dataclasses import replace

from gapped_space import I2T, T2I, gapped
from gcl_spec.evaluate.evaluation import evaluate
from gcl_spec.report.html import render
from gcl_spec.report.sweep_section import section, with_sweep
from sweeps import SWEEP, full

THREE = full(("image", "text", "image+text"))


def test_a_page_gets_its_sweep_later_or_at_once() -> None:
    """The page that a sweep was put into is that of a training that has found it."""
    report = evaluate(gapped(1.0), [T2I, I2T])
    page = render("run", report, report)
    assert section(None) in page
    whole = render("run", report, report, sweep=THREE)
    assert with_sweep(page, THREE) == whole
    assert whole.count("<svg") == 7
    assert with_sweep(whole, SWEEP) == render("run", report, report, sweep=SWEEP)
    assert with_sweep("<p>an older page</p>", THREE) is None


def test_texts_of_others_are_escaped() -> None:
    evil = replace(SWEEP, notes=("</section><script>",), origin=(("data", "<b>\\1\x1b[2J"),))
    found = section(evil)
    assert "<script>" not in found
    assert "<b>\\1" not in found
    assert "\x1b" not in found
    assert found.count("</section>") == 1
    assert with_sweep(found, evil) == found
    assert "http" not in section(THREE)


def test_two_modalities_have_a_table_alone() -> None:
    assert "<svg" not in section(SWEEP)
    assert "<td>50:50</td>" in section(SWEEP)
