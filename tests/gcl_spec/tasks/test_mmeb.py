"""MMEB's evaluation rows."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gcl_spec.data.formats.mmeb import plain_text
from gcl_spec.data.root import open_root
from gcl_spec.errors import DataError
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.mmeb import KINDS, SETS, read
from gcl_spec.tasks.task import union_pool
from goldens import GOLDENS, root_of

ROW: dict[str, Any] = {
    "qry_text": "find it",
    "qry_img_path": "",
    "tgt_text": ["", "a"],
    "tgt_img_path": ["a.png", ""],
}


def write(folder: Path, *rows: dict[str, Any], file: str = "test-00000-of-00001.parquet") -> Path:
    path = folder / "CIRR" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist([ROW | row for row in rows]), path)
    return folder


def test_the_twelve_of_36_sets() -> None:
    assert len(SETS) == 12
    assert sum(map(len, KINDS.values())) == 36
    tasks = read(root_of("mmeb"))
    assert [task.name for task in tasks] == [
        "VisDial",
        "CIRR",
        "MSCOCO_t2i",
        "MSCOCO_i2t",
        "NIGHTS",
        "WebQA",
    ]
    assert {task.metrics for task in tasks} == {("hit@1",)}


def test_the_marker_of_a_picture_is_removed_by_default() -> None:
    (task,) = read(root_of("mmeb"), ["CIRR"])
    (literal,) = read(root_of("mmeb"), ["CIRR"], as_published=True)
    assert task.candidates[0] == Item(
        "CIRR/0", "eval_images/CIRR/img_0.png", "Represent the given picture."
    )
    assert literal.candidates[0].text == "<|image_1|> Represent the given picture.\n"
    assert plain_text("<|image_1|>\n") == ""


def test_a_text_that_is_no_list_is_that_of_every_candidate() -> None:
    (task,) = read(root_of("mmeb"), ["NIGHTS"])
    assert {item.modality for item in task.candidates} == {"image"}
    assert task.kind == "image+text->image"


def test_candidate_0_is_right_and_numbers_of_candidates_vary(tmp_path: Path) -> None:
    (task,) = read(root_of("mmeb"), ["MSCOCO_i2t"])
    assert len({len(chosen) for chosen in task.choices.values()}) > 1
    assert all(task.qrels[id] == {chosen[0]} for id, chosen in task.choices.items())
    again = {"tgt_text": ["", "a", ""], "tgt_img_path": ["a.png", "", "a.png"]}
    (task,) = read(open_root(write(tmp_path, {}, again)))
    # The same query with other candidates is another one, and equal candidates are one.
    assert len(task.queries) == 2
    assert len(task.candidates) == 2
    assert task.choices["1"] == ("CIRR/0", "CIRR/1", "CIRR/0")


def test_ids_of_sets_do_not_clash() -> None:
    tasks = read(root_of("mmeb"))
    assert len(union_pool(tasks)) == sum(len(task.candidates) for task in tasks)


def test_the_hubs_other_branch_and_shards_are_read(tmp_path: Path) -> None:
    converted = write(tmp_path / "a", {}, file="test/0000.parquet")
    write(tmp_path / "a", {}, file="test/0001.parquet")
    assert len(read(open_root(converted))[0].queries) == 2
    parts = write(tmp_path / "b" / "MMEB-eval", {}, file="test-00000-of-00002.parquet")
    with pytest.raises(DataError, match=r"1 of 2 files are missing, such as .*00001-of-00002"):
        read(open_root(parts))
    write(parts, {"qry_text": "x"}, file="test-00001-of-00002.parquet")
    assert [q.text for q in read(open_root(tmp_path / "b"))[0].queries] == ["find it", "x"]


def test_pictures_lie_where_they_are_unpacked(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(b"")
    (task,) = read(open_root(write(tmp_path, {})))
    assert task.candidates[0].image == "images/a.png"
    shutil.rmtree(tmp_path / "images")
    (task,) = read(open_root(tmp_path))
    assert task.candidates[0].image == "a.png"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"tgt_text": ["a"]}, "row 1: 1 entries in tgt_text, 2 in tgt_img_path"),
        ({"tgt_text": [], "tgt_img_path": []}, "row 1: 0 entries in tgt_text"),
        ({"qry_text": None}, "row 1: query has neither text nor picture"),
        ({"qry_text": "<|image_1|>\n"}, "row 1: query has neither text nor picture"),
        ({"tgt_text": [None, ""]}, "row 1: candidate 1 has neither text nor picture"),
    ],
)
def test_malformed_rows_are_named(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        read(open_root(write(tmp_path, {}, row)))
    assert f"test-00000-of-00001.parquet {message}" in str(caught.value)


def test_missing_sets_and_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no MMEB here"):
        read(open_root(tmp_path))
    with pytest.raises(DataError, match="no test file of EDIS; fetch it"):
        read(root_of("mmeb"), ["CIRR", "EDIS"])
    folder = tmp_path / "CIRR"
    folder.mkdir()
    pq.write_table(pa.table({"qry": ["a"]}), folder / "test-00000-of-00001.parquet")
    with pytest.raises(DataError, match="wanted a column 'qry_text'; there are 'qry'"):
        read(open_root(tmp_path))
    pointer = GOLDENS / "mmeb" / "MMEB-eval" / "CIRR" / "test-00000-of-00001.parquet"
    (folder / pointer.name).write_bytes(pointer.read_bytes()[:-9])
    with pytest.raises(DataError, match=pointer.name):
        read(open_root(tmp_path))
