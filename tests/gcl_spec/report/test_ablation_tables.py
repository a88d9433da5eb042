"""Tables of an ablation: every row is there, with its reason where it failed."""

from dataclasses import replace

from gcl_spec.evaluate.ablated import AblationRow, against, row_of
from gcl_spec.report.ablation_tables import ablation_rows, geometry_rows, legend, markdown, titles
from reports import report

SPACE = {"effective rank": 181.4, "cosine of image and text means": -0.25}


def rows_of_all() -> list[AblationRow]:
    start = row_of("start", "", "none", [replace(report([0.0]), geometry=SPACE)])
    low, high = [report([0.0] * 40)] * 2, [report([1.0] * 40)] * 2
    found = [
        start,
        row_of("gcl", "16", "none", low),
        row_of("clip", "16", "none", high, ("seed 2: the loss is nan",)),
        row_of("separation", "16", "none", [], ("seed 0: no",)),
        row_of("pairwise", "16", "none", []),
        row_of("pairwise", "16", "mean", high),
    ]
    return against(found, "gcl")


def test_rows() -> None:
    head, *found = ablation_rows(rows_of_all(), "none")
    assert head[3:7] == ["global", "local", "Δ global", "Δ local"]
    assert found == [
        ["start", "-", "1", "0.0", "0.0", "", "", ""],
        ["gcl", "16", "2", "0.0±0.0", "0.0±0.0", "", "", ""],
        ["clip", "16", "2", "100.0±0.0", "100.0±0.0", "+100.0**", "+100.0**", "1 failed"],
        ["separation", "16", "0", "-", "-", "", "", "failed"],
        ["pairwise", "16", "0", "-", "-", "", "", "not run"],
    ]
    assert len(ablation_rows(rows_of_all(), "mean")) == 2
    assert titles(rows_of_all()) == {"none": "as embedded", "mean": "with mean"}


def test_stars_are_for_what_is_no_chance() -> None:
    some = [1.0, 0.0] * 10
    found = against(
        [
            row_of("gcl", "16", "none", [report(some)]),
            row_of("clip", "16", "none", [report([1.0, *some[1:]])]),
            row_of("pairwise", "16", "none", [report([0.0, *some[1:]])]),
        ],
        "gcl",
    )
    assert [row[5] for row in ablation_rows(found, "none")[1:]] == ["", "+0.0", "-5.0"]
    assert "minus gcl" in legend("gcl")


def test_the_space_of_those_that_have_one() -> None:
    head, start, *others = geometry_rows(rows_of_all())
    assert head == ["objective", "scale", *SPACE]
    assert start == ["start", "-", "181", "-0.25"]
    assert {tuple(row[2:]) for row in others} == {("-", "-")}


def test_markdown_of_a_name_with_a_bar() -> None:
    assert markdown([["a|b", "c"], ["1", "2"]]) == "| a\\|b | c |\n|---|--:|\n| 1 | 2 |\n"
