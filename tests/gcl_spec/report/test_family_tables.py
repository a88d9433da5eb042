"""Tables and the page of a comparison of the family."""

import re
from dataclasses import replace

from gcl_spec.evaluate.ablated import AblationRow, against, row_of
from gcl_spec.report.family_tables import (
    family_legend,
    family_markdown,
    family_page,
    family_table,
    short_table,
)
from reports import report

MANY = 40
TRIED = [["candidate", "calibration", "16, lr 0.01"], ["gcl", "none", "50.0 / 60.0 *"]]


def row(name: str, hits: int) -> AblationRow:
    values = [1.0] * hits + [0.0] * (MANY - hits)
    found = row_of(name, "", "none", [report(values), report(values)])
    return replace(found, chosen="16, lr 0.01", geometry={"effective rank": (50.2, 1.1)})


def compared() -> dict[str, list[AblationRow]]:
    swept = replace(row("half", 30), geometry={"worst composition": (0.25, None)})
    failed = row_of("siglip-all", "", "none", [], ("seed 0: <b>nan</b>",))
    rows = [row("clip", 10), row("gcl", 20), swept, failed]
    return {name: against(rows, name) for name in ("clip", "gcl")}


def test_a_row_for_each_candidate_with_both_references() -> None:
    head, clip, gcl, half, failed = family_table(compared(), "none")
    assert head[3:] == [
        "global", "local", "Δ clip, global", "Δ clip, local", "Δ gcl, global", "Δ gcl, local",
        "worst composition", "effective rank", "",
    ]  # fmt: skip
    assert clip[:5] == ["clip", "16, lr 0.01", "2", "25.0±0.0", "25.0±0.0"]
    assert (clip[5], clip[7]) == ("", "-25.0**")
    assert (gcl[5], gcl[7]) == ("+25.0**", "")
    assert half[-3:] == ["25.0", "-", ""]
    assert clip[-3:] == ["-", "50±1", ""]
    assert failed[-1] == "failed"
    assert {len(one) for one in (head, clip, gcl, half, failed)} == {12}


def test_a_terminal_has_the_columns_that_count_most() -> None:
    head, clip, *_ = short_table(compared(), "none")
    assert head == ["candidate", "chosen", "global", "local", "Δ clip, global", "Δ gcl, global", ""]
    assert clip == ["clip", "16, lr 0.01", "25.0±0.0", "25.0±0.0", "", "-25.0**", ""]


def test_the_page_and_markdown_show_what_was_chosen_and_what_failed() -> None:
    page = family_page("a<b", "gcl ablate", compared(), TRIED, "validation")
    assert "<h1>a&lt;b</h1>" in page
    assert "siglip-all: seed 0: &lt;b&gt;nan&lt;/b&gt;" in page
    assert "50.0 / 60.0 *" in page
    assert not re.search(r"(src|href)=", page)
    text = family_markdown("gap", "gcl ablate", compared(), TRIED, "validation")
    assert family_legend(["clip", "gcl"]) in text
    assert "| gcl | none | 50.0 / 60.0 * |" in text
