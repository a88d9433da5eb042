"""BEIR's folders, and what people report about its data sets."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from gcl_spec.data.root import open_root
from gcl_spec.errors import DataError
from gcl_spec.tasks.beir import read
from gcl_spec.tasks.item import Item

HEAD = "query-id\tcorpus-id\tscore\n"
CORPUS: list[dict[str, Any]] = [
    {"_id": "d1", "title": "A title", "text": "and a text", "metadata": {"url": "x"}},
    {"_id": 2, "title": "", "text": "no title"},
    {"_id": "q1", "text": "a document with the id of a query"},
]
QUERIES = [{"_id": "q1", "text": "one"}, {"_id": 2, "text": "two"}, {"_id": "q3", "text": "three"}]


def write(folder: Path, qrels: str = "q1\td1\t2\n2\t2\t1\n", **files: list[dict[str, Any]]) -> Path:
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    (folder / "qrels" / "test.tsv").write_text(HEAD + qrels)
    for name, rows in ({"corpus": CORPUS, "queries": QUERIES} | files).items():
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def test_a_document_is_its_title_and_text_and_only_judged_queries_are_asked(tmp_path: Path) -> None:
    (task,) = read(open_root(write(tmp_path / "nfcorpus")))
    assert task.name == "nfcorpus"
    assert list(task.candidates) == [
        Item("d1", text="A title and a text"),
        Item("2", text="no title"),
        Item("q1", text="a document with the id of a query"),
    ]
    assert [query.id for query in task.queries] == ["q1", "2"]
    assert task.qrels == {"q1": {"d1"}, "2": {"2"}}
    assert task.grades == {"q1": {"d1": 2.0}}


def test_a_text_under_another_name_is_no_empty_document(tmp_path: Path) -> None:
    """The title would be searched alone."""
    lost = [{"_id": "d1", "title": "A title", "Text": "and a text"}, *CORPUS[1:]]
    with pytest.raises(DataError, match=r"corpus\.jsonl:1: 'Text' is not a known name, and there"):
        read(open_root(write(tmp_path, corpus=lost)))


def test_queries_do_not_find_themselves(tmp_path: Path) -> None:
    (task,) = read(open_root(write(tmp_path)))
    assert task.left_out == {"q1": {"q1"}, "2": {"2"}}
    assert "2 queries are documents too, which do not find themselves" in task.notes[-1]


def test_a_query_with_grades_of_0_alone_counts_as_failed(tmp_path: Path) -> None:
    (task,) = read(open_root(write(tmp_path, "q1\td1\t0\n2\td1\t1\n")))
    assert task.unjudged == {"q1"}


def test_several_data_sets_in_one_folder(tmp_path: Path) -> None:
    for name in ("scifact", "quora"):
        write(tmp_path / name)
    assert [task.name for task in read(open_root(tmp_path))] == ["quora", "scifact"]
    assert [task.name for task in read(open_root(tmp_path), ["scifact"])] == ["scifact"]
    with pytest.raises(DataError, match=r"no judgements, quora/qrels/dev\.tsv"):
        read(open_root(tmp_path), split="dev")


def test_relevant_documents_that_the_corpus_lacks(tmp_path: Path) -> None:
    root = open_root(write(tmp_path, "q1\tgone\t1\nq1\td1\t1\n2\tgone\t0\n"))
    with pytest.raises(DataError, match=r"test\.tsv:2: no candidate 'gone', .* strict=False"):
        read(root)
    (task,) = read(root, strict=False)
    assert task.qrels["q1"] == {"d1"}
    assert task.elsewhere == {"q1": {"gone"}}
    assert task.unjudged == {"2"}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"corpus": [{"_id": "d1", "title": " "}]}, r"corpus\.jsonl:1: document 'd1' has neither"),
        ({"corpus": [{"id": "d1", "text": "a"}]}, r"corpus\.jsonl:1: '_id' must be a text"),
        ({"corpus": [{"_id": "d1", "text": ["a"]}]}, r"corpus\.jsonl:1: 'text' must be a text"),
        ({"corpus": []}, r"corpus\.jsonl is empty"),
        ({"corpus": [*CORPUS, {"_id": "2", "text": "x"}]}, r"jsonl:4: id '2' stands at .*:2 too"),
        ({"queries": [{"_id": "q1", "text": ""}]}, r"queries\.jsonl:1: query 'q1' has no text"),
        ({"queries": [QUERIES[0]]}, r"test\.tsv:3: no query '2' in "),
        ({"queries": [*QUERIES, {"_id": "q1", "text": "x"}]}, r"jsonl:4: query 'q1' stands on an"),
    ],
)
def test_malformed_files_are_named(
    tmp_path: Path, files: dict[str, list[dict[str, Any]]], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read(open_root(write(tmp_path, **files)))


def test_a_document_twice_is_one_and_no_judgement_is_an_error(tmp_path: Path) -> None:
    (task,) = read(open_root(write(tmp_path, corpus=[*CORPUS, CORPUS[0]])))
    assert len(task.candidates) == 3
    with pytest.raises(DataError, match="holds no judgement"):
        read(open_root(write(tmp_path, "")))
    with pytest.raises(DataError, match="no BEIR here"):
        read(open_root(tmp_path / "qrels"))


def test_an_archive_is_read_and_a_compressed_corpus_is_named(tmp_path: Path) -> None:
    write(tmp_path / "all" / "scifact")
    archive = shutil.make_archive(str(tmp_path / "scifact"), "zip", tmp_path / "all")
    (task,) = read(open_root(archive))
    assert task.name == "scifact"
    (tmp_path / "corpus.jsonl.gz").write_bytes(b"")
    with pytest.raises(DataError, match=r"corpus\.jsonl\.gz is compressed; decompress it"):
        read(open_root(tmp_path))


def test_lines_of_other_systems_are_read(tmp_path: Path) -> None:
    folder = write(tmp_path)
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv"):
        text = (folder / name).read_text()
        (folder / name).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    (task,) = read(open_root(folder))
    assert task.qrels == {"q1": {"d1"}, "2": {"2"}}
    assert len(task.candidates) == 3
