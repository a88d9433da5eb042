"""Tasks as folders with queries, candidates and judgements."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gcl_spec.data.root import open_root
from gcl_spec.errors import DataError
from gcl_spec.tasks.folder import read, read_tasks
from task_files import QUERY, write_task


def test_a_single_task_folder(tmp_path: Path) -> None:
    write_task(tmp_path / "mine")
    (task,) = read_tasks(open_root(tmp_path / "mine"))
    assert task.name == "mine"
    assert task.qrels == {"q": frozenset({"c"})}


@pytest.mark.parametrize(
    ("part", "text", "message"),
    [
        ("queries", "", "is empty"),
        ("queries", "{", "queries.jsonl:1: not JSON"),
        ("queries", "[]", "must be an object"),
        ("queries", '{"text": "a"}', "'id' must be"),
        ("queries", '{"id": "q"}', "neither image nor text"),
        ("queries", '{"id": "q", "text": 3}', "'text' must be"),
        ("queries", f"{QUERY}\n{QUERY}", "queries.jsonl:2: id 'q' stands on an earlier line"),
        ("qrels", "q c", "wanted a query id, a tab"),
        ("qrels", "q\tx", "id 'x' is not in candidates.jsonl"),
        ("qrels", "x\tc", "id 'x' is not in queries.jsonl"),
        ("qrels", "", "no relevant candidate for 1 queries, such as 'q'"),
    ],
)
def test_malformed_tasks_are_named(tmp_path: Path, part: str, text: str, message: str) -> None:
    write_task(tmp_path / "t", **{part: text})
    with pytest.raises(DataError) as caught:
        read_tasks(open_root(tmp_path / "t"))
    assert message in str(caught.value)


@pytest.mark.parametrize("qrels", ["q\tc", "qid\tdid\nq\tc\n", "q\tc\t1", "q 0 c 1", "q\t0\tc\t1"])
def test_judgements_in_other_layouts(tmp_path: Path, qrels: str) -> None:
    write_task(tmp_path / "t", qrels=qrels)
    (task,) = read(open_root(tmp_path), ["t"])
    assert task.qrels == {"q": frozenset({"c"})}
    assert task.grades == {}


def test_grades_and_integer_ids(tmp_path: Path) -> None:
    write_task(
        tmp_path / "t",
        '{"id": 1, "text": "a"}',
        '{"id": 10, "text": "b"}\n{"id": 20, "text": "c"}\n{"id": 30, "text": "d"}',
        "1\t10\t3\n1\t20\t0\n1\t30\t-1\n",
    )
    (task,) = read(open_root(tmp_path))
    assert task.qrels == {"1": frozenset({"10"})}
    assert task.grades == {"1": {"10": 3.0, "20": 0.0, "30": -1.0}}
    (tmp_path / "t" / "qrels.tsv").write_text("1.0\t10\n")
    with pytest.raises(DataError, match=r"tsv:1: id '1\.0' is not in .*; '1' is: write it so"):
        read(open_root(tmp_path))
    (tmp_path / "t" / "qrels.tsv").write_text("1\t10\t1\n1\t10\t2\n")
    with pytest.raises(DataError, match=r"qrels\.tsv:2: query '1' and candidate '10' have grade 2"):
        read(open_root(tmp_path))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(part=st.sampled_from(["queries", "candidates", "qrels"]), data=st.binary(max_size=60))
def test_any_bytes_are_a_task_or_a_data_error(tmp_path: Path, part: str, data: bytes) -> None:
    write_task(tmp_path / "t")
    names = {"queries": "queries.jsonl", "candidates": "candidates.jsonl", "qrels": "qrels.tsv"}
    (tmp_path / "t" / names[part]).write_bytes(data)
    try:
        found = str(read_tasks(open_root(tmp_path / "t")))
    except DataError as error:
        found = str(error)
    assert names[part] in found or "Task(name='t'" in found
