"""MixBench's subsets, of both years."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gcl_spec.data.root import open_root
from gcl_spec.errors import DataError
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.mixbench import read, script_parts
from gcl_spec.tasks.parquet_pictures import ParquetPictures
from goldens import copied, replace_once, root_of
from goldens import read as golden

KINDS = {"text": "text", "image": "image", "mixed": "image+text"}


@pytest.mark.parametrize("subset", ["MSCOCO", "OVEN"])
def test_the_script_draws_the_peers_parts(subset: str) -> None:
    (task,) = read(root_of("mixbench"), [subset], corpus="script")
    wanted = golden("mixbench/expected.json")[subset]["modes given by the script"]
    assert {item.id: item.modality for item in task.candidates} == {
        id: KINDS[mode] for id, mode in wanted.items()
    }
    lists = golden("mixbench/case.json")["mode lists of the script for n documents (index -> mode)"]
    for count, modes in lists.items():
        assert ["+".join(parts) for parts in script_parts(int(count))] == [KINDS[m] for m in modes]


def test_queries_without_judgements_and_answers_without_content_stay_in_the_mean() -> None:
    (task, _) = read(root_of("mixbench"))
    assert task.unjudged == {"6"}
    assert "1 queries have no relevant candidate and count as failed, such as '6'" in task.notes[0]
    assert task.elsewhere == {"8": {"ms_108"}}
    assert task.qrels["8"] == frozenset()
    assert "1 documents lack parts and are left out" in task.notes[1]
    assert len(task.queries) == 12


def test_null_and_empty_parts_are_both_missing_and_pictures_lie_in_the_subset() -> None:
    (task,) = read(root_of("mixbench"), ["OVEN"])
    first, second, third = list(task.candidates)[:3]
    assert first == Item("ov_100", "MixBench25/OVEN/images/0.png")
    assert second == Item("ov_101", "MixBench25/OVEN/images/1.png")
    assert third == Item("ov_102", text="document ov_102")


def test_grades_are_kept() -> None:
    (task,) = read(root_of("mixbench"), ["MSCOCO"])
    assert task.grades == {"4": {"ms_104": 2.0, "ms_105": 1.0, "ms_121": 0.0}}
    assert task.qrels["4"] == {"ms_104", "ms_105"}
    assert task.metrics == ("ndcg@10",)


def test_pictures_of_queries_can_be_left_out_as_the_script_does(tmp_path: Path) -> None:
    root = copied("mixbench", tmp_path)
    file = root / "MixBench25" / "OVEN" / "queries.jsonl"
    (task,) = read(open_root(root), ["OVEN"])
    assert {query.modality for query in task.queries} == {"image+text"}
    replace_once(file, '"text": "question q1"', '"text": null')
    (task,) = read(open_root(root), ["OVEN"], text_queries=True)
    assert {query.modality for query in task.queries} == {"text"}
    assert len(task.queries) == 11
    assert "1 queries lack text and are left out" in task.notes[-1]


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "qrels/qrels.tsv",
            "ms_100\t1",
            "ms_999\t1",
            r"qrels\.tsv:2: no candidate 'ms_999', which",
        ),
        ("qrels/qrels.tsv", "0\tms", "zero\tms", r"qrels\.tsv:2: no query 'zero' in MSCOCO"),
        ("qrels/qrels.tsv", "q3\tms_120\t1", "q3\tms_103\t2", r"tsv:6: query 'q3' and .* grade 2"),
        ("queries.jsonl", '"text": "question 0"', '"text": ""', "query '0' has neither text nor"),
        ("queries.jsonl", '"q1"', '"0"', r"jsonl:2: '0' stands at .*:1 too, with another content"),
        ("mixed_corpus.jsonl", '"ms_100"', "null", r"jsonl:1: 'corpus_id' must be a text"),
        ("mixed_corpus.jsonl", '"images/0.png"', "[1]", r"jsonl:1: 'image' must be a path"),
        ("mixed_corpus.jsonl", '"document ms_100"', "[1]", r"jsonl:1: 'text' must be a text"),
    ],
)
def test_malformed_lines_are_named(
    tmp_path: Path, file: str, old: str, new: str, message: str
) -> None:
    root = copied("mixbench", tmp_path)
    replace_once(root / "MixBench25" / "MSCOCO" / file, old, new)
    with pytest.raises(DataError, match=message):
        read(open_root(root))


def test_relevant_documents_that_are_missing_can_count_as_never_found(tmp_path: Path) -> None:
    root = copied("mixbench", tmp_path)
    replace_once(root / "MixBench25/MSCOCO/qrels/qrels.tsv", "ms_100\t1", "ms_999\t1")
    (task,) = read(open_root(root), ["MSCOCO"], strict=False)
    assert task.elsewhere["0"] == {"ms_999"}
    assert "'ms_999', which is relevant, and 0 more, count as never found" in task.notes[1]


def write_2026(folder: Path, cell: Any) -> None:
    folder.mkdir(parents=True)
    queries = [{"id": 0, "text": "question 0", "image": None}]
    documents = [
        {"id": "ms_100", "text": "", "image": cell},
        {"id": "ms_101", "text": "b", "image": None},
    ]
    for name, rows in (("queries", queries), ("mixed_corpus", documents)):
        kinds = {"image": pa.array([cell]).type}
        table = pa.Table.from_pylist(rows)
        place = table.schema.get_field_index("image")
        column = pa.array([row["image"] for row in rows], kinds["image"])
        pq.write_table(table.set_column(place, "image", column), folder / f"{name}.parquet")


@pytest.mark.parametrize("cell", [b"\x89PNG x", {"bytes": b"\x89PNG x", "path": "0.png"}])
def test_the_year_2026_has_parquet_files_and_the_judgements_of_2025(
    tmp_path: Path, cell: Any
) -> None:
    write_2026(tmp_path / "MixBench2026" / "MSCOCO", cell)
    with pytest.raises(DataError, match="MixBench2026 has none of its own: put MixBench25 beside"):
        read(open_root(tmp_path))
    qrels = tmp_path / "MixBench25" / "MSCOCO" / "qrels"
    qrels.mkdir(parents=True)
    (qrels / "qrels.tsv").write_text("query_id\tcorpus_id\tscore\n0\tms_100\t1\n")
    (task,) = read(open_root(tmp_path))
    assert task.qrels == {"0": {"ms_100"}}
    assert [item.modality for item in task.candidates] == ["image", "text"]
    pictures = ParquetPictures(open_root(tmp_path))
    assert pictures.read_bytes(task.candidates[0].image or "") == b"\x89PNG x"


def test_a_folder_of_something_else_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no MixBench here, since there is no MSCOCO/queries"):
        read(open_root(tmp_path))
    with pytest.raises(DataError, match="no VisualNews/queries"):
        read(root_of("mixbench"), ["OVEN", "VisualNews"])
