"""The section on what goes wrong."""

from gapped_space import I2T, T2I, gapped
from gcl_spec.evaluate.evaluation import evaluate
from gcl_spec.evaluate.failures import Failures
from gcl_spec.report.failure_section import failure_section


def test_failures_and_the_preferred_modalities() -> None:
    failures = Failures()
    evaluate(gapped(3.0), [T2I, I2T], watch=failures)
    made = failure_section(failures, lambda path: path.encode())
    assert made.count("the first right one has rank 4 of 7; first stands: image") == 2
    assert made.count("the first right one has rank 4 of 7; first stands: text") == 2
    head, first, second = made.split("<tr>")[1:4]
    assert "image first</th><th>text first</th><th>right first" in head
    assert "<td>4</td><td>0.0 %</td><td>100.0 %</td><td>0.0 %</td>" in first
    assert "<td>4</td><td>100.0 %</td><td>0.0 %</td><td>0.0 %</td>" in second
    assert made.count('class="item hit"') == 4, "what was wanted"


def test_without_failures_there_is_no_section() -> None:
    failures = Failures()
    evaluate(gapped(0.0), [T2I, I2T], watch=failures)
    assert failure_section(failures, lambda path: b"") == ""
    assert failure_section(None, lambda path: b"") == ""
