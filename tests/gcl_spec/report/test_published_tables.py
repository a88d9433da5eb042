"""Tables of published benchmarks."""

from dataclasses import replace

from gapped_space import T2I, gapped
from gcl_spec.evaluate.published import measure
from gcl_spec.report.published_tables import published_notes, published_rows
from gcl_spec.tasks.mbeir import SETS

COLUMNS = ("global hit@50", "local hit@5")
TASKS = [replace(T2I, name=name) for name in ("cirr_task7", "fashioniq_task7")]
FIGURES = measure(gapped(0.0), TASKS, COLUMNS)


def test_the_papers_rows_stand_below_and_are_marked() -> None:
    rows = published_rows("mbeir", SETS, TASKS, FIGURES)
    assert rows[0] == ["set", "search", "queries", *COLUMNS]
    assert rows[1] == ["cirr_task7", "T -> I", "4", "100.0", "100.0"]
    assert rows[2][-1] == "100.0 (hit@10)"
    assert rows[3] == ["average of 2 of 16", "", "", "100.0", "100.0"]
    assert ["paper: VISTA, GCL", "", "", "34.06", "35.56"] in rows
    assert ["paper: TinyCLIP-SF, GCL", "", "", "22.71", "-"] in rows
    assert all(row[0].startswith("paper: ") for row in rows[4:])


def test_a_whole_table_has_a_plain_average() -> None:
    figures = measure(gapped(0.0), TASKS[:1], ["local ndcg@10", "local ndcg-of-found@10"])
    rows = published_rows("mixbench", ["cirr_task7"], TASKS[:1], figures)
    assert rows[-1] == ["average", "", "", "100.0", "100.0"]
    notes = list(published_notes("mixbench", ["cirr_task7"], TASKS[:1], figures))
    assert notes[0].startswith("ndcg@10: gains are the grades")
    assert notes[1].startswith("ndcg-of-found@10: as GR-CLIP's code has it: ")
    assert notes[2].startswith("ties move a figure by at most 0.0 points")
    assert len(notes) == 3


def test_what_is_missing_and_what_a_figure_is_are_told() -> None:
    nothing = replace(
        TASKS[0], qrels=T2I.qrels | {"t-ant": frozenset()}, unjudged=frozenset({"t-ant"})
    )
    figures = measure(gapped(0.0), [nothing], COLUMNS)
    notes = list(published_notes("mbeir", SETS, [nothing], figures))
    assert notes[0].startswith("partial: 15 of 16 sets are missing, visualnews_task0, ")
    assert "the paper and UniIR call it Recall@K" in notes[1]
    assert notes[3] == (
        "cirr_task7, global hit@50: 1 of 4 queries have nothing to find, and count as 0"
    )
    assert notes[-1].startswith("rows 'paper': averages as printed in arXiv 2509.25638")
