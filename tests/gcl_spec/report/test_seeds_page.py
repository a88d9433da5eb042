"""The page of runs that differ in their seed."""

from gapped_space import I2T, T2I, gapped
from gcl_spec.evaluate.evaluation import evaluate
from gcl_spec.report.seeds_page import seeds_page


def test_means_deviations_and_each_run() -> None:
    good, bad = (evaluate(gapped(gap), [T2I, I2T]) for gap in (0.0, 3.0))
    page = seeds_page(
        "my <runs>", {"seed-0": bad, "seed-1": bad}, {"seed-0": good, "seed-1": bad}, ["seed-0"]
    )
    assert "my &lt;runs&gt;" in page
    assert page.count("<a href") == 1
    assert '<a href="seed-0/report.html">' in page
    assert "+- 0.00" in page
    assert "http" not in page
    assert "<b>100.0 ± 0.00</b><span>average hit@10, local pool<br>before 100.0, " in page
    values = [100 * r.average("global", "hit@1") for r in (good, bad)]
    assert values == [100.0, 0.0], "the runs differ"
    assert page.count("<td>seed-1</td>") == 1


def test_one_run_has_no_deviation() -> None:
    report = {"seed-0": evaluate(gapped(1.0), [T2I, I2T])}
    page = seeds_page("one", report, report)
    assert "+- 0" not in page
    assert "±" not in page
