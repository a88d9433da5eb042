"""Reports as tables."""

from gapped_space import I2T, T2I, gapped
from gcl_spec.evaluate.evaluation import evaluate
from gcl_spec.report.tables import comparison_rows, geometry_rows, markdown, report_rows


def test_tables() -> None:
    before, after = evaluate(gapped(3.0), [T2I, I2T]), evaluate(gapped(0.0), [T2I, I2T])
    rows = comparison_rows({"before": before, "after": after}, "hit@1")
    assert rows[-1] == ["average", "100.0", "100.0", "+0.0", "0.0", "100.0", "+100.0"]
    assert report_rows(after, "local")[1][:3] == ["I -> T", "4", "100.0"]
    assert geometry_rows({"": after})[1][0] == "effective rank"
    assert markdown([["a", "b"], ["1", "2"]]) == "| a | b |\n| --- | --: |\n| 1 | 2 |"
