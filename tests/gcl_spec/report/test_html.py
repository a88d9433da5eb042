"""The page of a report."""

from gapped_space import I2T, PICTURES, T2I, gapped
from gcl_spec.evaluate.evaluation import evaluate
from gcl_spec.evaluate.examples import Example
from gcl_spec.report.html import render
from gcl_spec.tasks.task import Item


def test_page_is_self_contained_and_escaped() -> None:
    evil = Item("t-evil", None, "<script>alert(1)</script>")
    shown = [Example("text->image", evil, PICTURES[:1], (True,))]
    report = evaluate(gapped(1.0), [T2I, I2T])
    page = render(
        "<b>run</b>",
        report,
        report,
        metrics=[{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}],
        examples=[(shown[0], shown[0])],
        read_image=lambda path: b"RIFF",
    )
    assert "<script>" not in page
    assert "<b>run</b>" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert 'class="item hit"' in page
    assert "data:image/webp;base64,UklGRg==" in page
    assert page.count("<svg") == 1
