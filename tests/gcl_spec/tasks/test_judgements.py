"""Files of judgements, in the layouts in which they are published."""

from pathlib import Path

import pytest

from gcl_spec.data.root import open_root
from gcl_spec.errors import DataError
from gcl_spec.tasks.judgements import grades_of, read_judgements, relevant

EVERY = (2, 3, 4, 5)


def read(folder: Path, text: str, layouts: tuple[int, ...] = EVERY, known: str = "q") -> list[str]:
    (folder / "qrels").write_text(text)
    lines = read_judgements(open_root(folder), "qrels", layouts, {known}.__contains__)
    return [f"{line.query} {line.candidate} {line.grade:g} {line.task}".strip() for line in lines]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("q\tc", "q c 1"),
        ("q\tc\t2\r\n", "q c 2"),
        ("q\t0\tc\t1", "q c 1"),
        ("q 0 c -1", "q c -1"),
        ("q Q0 c 1.0\n\n", "q c 1"),
        ("query-id\tcorpus-id\tscore\nq\tc\t0", "q c 0"),
        ("query_id\tcorpus_id\tscore\nq\tc\t1", "q c 1"),
        ("query\tcandidate\nq\tc", "q c 1"),
        ("qid iter docno rel\nq 0 c 1", "q c 1"),
        ('"query-id"\t"corpus-id"\t"score"\nq\tc\t1', "q c 1"),
        ("\ufeffq\tc", "q c 1"),
    ],
)
def test_layouts_and_header_lines(tmp_path: Path, text: str, wanted: str) -> None:
    assert read(tmp_path, text) == [wanted]


def test_tabs_and_blanks_may_be_mixed_in_five_columns(tmp_path: Path) -> None:
    assert read(tmp_path, "q\t0  c 0\t6   ", (5,)) == ["q c 0 6"]


def test_ids_may_hold_blanks_between_tabs_and_be_named_as_a_column(tmp_path: Path) -> None:
    assert read(tmp_path, "my query\tthe candidate\t1") == ["my query the candidate 1"]
    assert read(tmp_path, "query\tcorpus", known="query") == ["query corpus 1"]
    assert read(tmp_path, "q1\tc") == ["q1 c 1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q c", r"qrels:1: wanted a query id, a tab, a candidate id"),
        ("q\tc\nq\tc\t1", r"qrels:2: wanted 2 columns as on the lines before; got 'q\\tc\\t1'"),
        ("q\tc\tyes", r"qrels:1: the grade 'yes' is no number"),
        ("q\tc\t1\nquery\tcandidate\tscore", r"qrels:2: the grade 'score' is no number"),
        ("q\tc\tnan", "is no number"),
        ("q\tc\t1e999", "is no number"),
    ],
)
def test_malformed_lines_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)


def test_the_same_line_twice_is_one_and_another_grade_is_named(tmp_path: Path) -> None:
    (tmp_path / "qrels").write_text("q\tc\t1\nq\tc\t1\nq\td\t0\n")
    root = open_root(tmp_path)
    found = grades_of(read_judgements(root, "qrels", EVERY, {"q"}.__contains__))
    assert found == {"q": {"c": 1.0, "d": 0.0}}
    assert relevant(found["q"]) == {"c"}
    (tmp_path / "qrels").write_text("q\tc\t1\nq\tc\t0\n")
    with pytest.raises(DataError, match=r"qrels:2: query 'q' and candidate 'c' have grade 0 here"):
        grades_of(read_judgements(root, "qrels", EVERY, {"q"}.__contains__))
