"""The table of a sweep."""

from io import StringIO

from rich.console import Console

from gcl_spec.report.sweep_tables import summary, sweep_rows
from gcl_spec.report.tables import rich_table
from sweeps import SWEEP, full


def test_all_of_a_small_sweep() -> None:
    head, *body = sweep_rows(SWEEP)
    assert head == ["I:T", "hit@10", "by I", "by T", "top 10 I", "T", ""]
    assert body == [
        ["100:0", "75.0", "100.0", "50.0", "100.0", "0.0", "best"],
        ["50:50", "37.5", "50.0", "25.0", "50.0", "50.0", "worst"],
        ["0:100", "-", "-", "-", "-", "-", ""],
    ]


def test_three_modalities_in_eighty_columns() -> None:
    """Corners, middles of edges, centre and 70:20:10 come first, then the worst and the best."""
    sweep = full(("image", "text", "image+text"))
    names = [row[0] for row in sweep_rows(sweep)[1:]]
    assert names[:7] == [
        "100:0:0", "0:100:0", "0:0:100", "50:50:0", "50:0:50", "0:50:50", "33:33:33",
    ]  # fmt: skip
    assert sorted(names[7:13])[0] == "10:20:70"
    assert sweep.best.name == "100:0:0"
    assert names[13:] == [sweep.worst.name]
    console = Console(width=80, record=True, file=StringIO())
    console.print(rich_table(sweep_rows(sweep), "title"))
    text = console.export_text()
    assert "0:100:0" in text  # which is no emoji
    assert all(len(line) <= 80 and "…" not in line for line in text.splitlines())
    assert len(text.splitlines()) == 14 + 5


def test_more_modalities_have_hits_alone() -> None:
    head, *body = sweep_rows(full(("audio", "image", "text", "audio+text")))
    assert head == ["A:I:T:AT", "hit@10", "by A", "by I", "by T", "by AT", ""]
    assert body[4][0] == "25:25:25:25"
    assert len(sweep_rows(full(tuple("abcdefg")))) <= 19


def test_the_summary_names_worst_best_ties_and_notes() -> None:
    lines = list(summary(SWEEP))
    assert lines[0] == "3 compositions I:T: worst 37.5 at 50:50, best 75.0 at 100:0, spread 37.5"
    assert "20 concepts in every pool, 10 draws" in lines[1]
    assert "by chance 50.0" in lines[1]
    assert "at most 50.0 points" in lines[2]
    assert lines[3] == "note: a note"
