"""Files of TREC's form: what is read, what is refused, with its line."""

from pathlib import Path

import pytest

from gcl_spec.data.root import open_root
from gcl_spec.errors import DataError
from gcl_spec.tasks.task import Item, Task
from gcl_spec.tasks.trec import check_ids, qrels_line, read_qrels, read_run, run_lines
from goldens import GOLDENS

GOOD = "q Q0 a 1 0.5 me\n"


def test_lines_that_were_written_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.run").write_text("".join(run_lines("q", [("b", 0.5), ("a", -1e-7)], "me")))
    (tmp_path / "a.qrels").write_text(qrels_line("q", "b", 1.0) + qrels_line("q", "a", 0.5))
    root = open_root(tmp_path)
    assert read_run(root, "a.run") == {"q": {"b": 0.5, "a": 0.0}}
    assert read_qrels(root, "a.qrels") == {"q": {"b": 1.0, "a": 0.5}}


def test_any_order_blank_lines_tabs_and_line_ends(tmp_path: Path) -> None:
    text = "\ufeffq\tQ0\ta\t2\t1e-3\tme\r\n\r\np Q0 a 1 2 me\nq Q0 b 1 0.5 me 7\n"
    (tmp_path / "a.run").write_text(text)
    found = read_run(open_root(tmp_path), "a.run")
    assert found == {"q": {"a": 0.001, "b": 0.5}, "p": {"a": 2.0}}


def test_ranks_that_are_all_0_and_negative_scores(tmp_path: Path) -> None:
    (tmp_path / "a.run").write_text("q Q0 a 0 -2 me\nq Q0 b 0 -1 me\n")
    assert read_run(open_root(tmp_path), "a.run") == {"q": {"a": -2.0, "b": -1.0}}


def test_the_run_files_of_uniir() -> None:
    """They have a column more, the task, and lines that fill up what a pool lacks."""
    root = open_root(GOLDENS / "mbeir" / "run_files")
    found = read_run(root, "mbeir_cirr_task7_union_pool_test_k10_run.txt")
    assert list(found["8:1"])[:2] == ["8:6", "9:11"]
    for file in sorted((GOLDENS / "mbeir" / "run_files").glob("*.txt")):
        assert all("-1:9999999" not in own for own in read_run(root, file.name).values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a.run is empty"),
        (GOOD + "q Q0 b 2 0.4\n", r"a\.run:2: wanted `query Q0 id rank score tag`.*got 5 columns"),
        (GOOD + "q Q0 a 2 0.4 me\n", r"a\.run:2: candidate 'a' stands twice for query 'q'"),
        (GOOD + "q Q0 b 2 high me\n", r"a\.run:2: rank '2' and score 'high' must be numbers"),
        (GOOD + "q Q0 b 2 nan me\n", r"a\.run:2: the score is 'nan'"),
        (GOOD + "q Q0 b 2 0.7 me\n", r"'q' has score 0\.5 at rank 1 and 0\.7 at rank 2.*negate"),
        ("qid Q0 did rank score run\n", r"a\.run:1: rank 'rank' and score 'score'"),
    ],
)
def test_runs_that_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.run").write_text(text)
    with pytest.raises(DataError, match=message):
        read_run(open_root(tmp_path), "a.run")


def test_judgements_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.qrels").write_text("query-id\tcorpus-id\tscore\n")
    with pytest.raises(DataError, match=r"a\.qrels holds no judgement"):
        read_qrels(open_root(tmp_path), "a.qrels")


def test_ids_with_white_space_are_refused() -> None:
    task = Task("t", [Item("q 1", text="a")], [Item("c", "c.png")], {"q 1": frozenset({"c"})})
    with pytest.raises(DataError, match="task t: id 'q 1' holds white space"):
        check_ids([task])
    fine = Task("t", [Item("q", text="a")], [Item("c", "c.png")], {"q": frozenset({"c"})})
    check_ids([fine])
