"""Comparisons and seeds as tables."""

from io import StringIO

from rich.console import Console

from gcl_spec.evaluate.comparison import compare
from gcl_spec.evaluate.scores import mean_of, of_report
from gcl_spec.report.comparison_tables import (
    difference_line,
    difference_rows,
    mean_rows,
    seed_rows,
    short_names,
)
from gcl_spec.report.tables import rich_table
from reports import report

WORSE, BETTER = report([0.0] * 10), report([1.0] * 8 + [0.0] * 2)


def test_differences() -> None:
    first, other = of_report("runs/a", WORSE), of_report("runs/b", BETTER)
    found = compare(first, [other], ["local hit@10"])
    rows = difference_rows(found)
    assert rows[1][:4] == ["t", "0.0", "80.0", "+80.0"]
    assert rows[1][5:] == ["8/0", "0.008", "WIN"]
    line = difference_line(found[-1], ("a", "b"))
    assert line.startswith("WIN: b against a, local hit@10: +80.0 points, 95 % +50.0 to +100.0")
    assert line.endswith("p = 0.0078; 8 of 10 queries better, 0 worse")
    same = compare(first, [first], ["local hit@10"])
    assert "TIED: a against a, local hit@10: +0.0 points, 95 % +0.0 to +0.0" in difference_line(
        same[-1], ("a", "a")
    )


def test_a_row_is_a_line_of_80_columns() -> None:
    row = ["it2t_clipart", "100.0", "0.0", "-99.9", "-99.9 -99.8", "345/177", "0.002", "WORSE"]
    head = difference_rows([])[0]
    console = Console(file=StringIO(), width=80)
    console.print(rich_table([head, row], "a table"))
    lines = console.file.getvalue().splitlines()
    assert [line.split() for line in lines if "clip" in line] == [" ".join(row).split()]


def test_means_and_deviations_over_seeds() -> None:
    both = mean_of("seeds", [of_report("0", WORSE), of_report("1", BETTER)])
    rows = mean_rows([both, of_report("r", BETTER)], ["seeds", "r"], ["local hit@10"])
    assert rows[1:] == [["seeds", "2", "40.0 +- 56.57"], ["r", "1", "80.0"]]
    assert seed_rows([WORSE, BETTER])[1:] == [
        ["T -> I", "40.0 +- 56.57", "40.0 +- 56.57"],
        ["average", "40.0 +- 56.57", "40.0 +- 56.57"],
    ]
    assert seed_rows([BETTER], "mrr")[-1] == ["average", "80.0", "80.0"]


def test_names() -> None:
    assert short_names(["runs/a/", "runs/b"]) == ["a", "b"]
    assert short_names(["x/r.json", "y/r.json"]) == ["x/r.json", "y/r.json"]
