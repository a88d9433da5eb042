"""MMEB's training rows."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gcl_spec.data.root import open_root
from gcl_spec.errors import DataError
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.mmeb_train import read_triplets

ROW: dict[str, Any] = {
    "qry": "<|image_1|>\nWhat is it?\n",
    "qry_image_path": "images/a.jpg",
    "pos_text": "a dog",
    "pos_image_path": "",
    "neg_text": "",
    "neg_image_path": "",
}


def write(folder: Path, row: dict[str, Any], name: str = "OK-VQA", version: str = "train") -> Path:
    path = folder / name / f"{version}-00000-of-00001.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist([row]), path)
    return folder


def test_a_row_is_a_query_its_right_and_its_wrong_answer(tmp_path: Path) -> None:
    write(tmp_path, ROW)
    (found,) = read_triplets(open_root(tmp_path), "OK-VQA")
    assert found.query == Item("", "images/a.jpg", "What is it?")
    assert found.right == Item("", text="a dog")
    assert found.wrong is None
    write(tmp_path, ROW | {"neg_text": "a cat"}, version="original")
    (found,) = read_triplets(open_root(tmp_path), "OK-VQA", as_published=True)
    assert found.query.text == ROW["qry"]
    assert found.wrong == Item("", text="a cat")
    (found,) = read_triplets(open_root(tmp_path), "OK-VQA", version="train")
    assert found.wrong is None


def test_imagenet_has_another_name_and_wrong_answers_may_be_absent(tmp_path: Path) -> None:
    row = {name: value for name, value in ROW.items() if not name.startswith("neg")}
    write(tmp_path, row, "ImageNet_1K")
    (found,) = read_triplets(open_root(tmp_path), "ImageNet-1K")
    assert found.right.text == "a dog"
    assert found.wrong is None


def test_malformed_rows_and_missing_files_are_named(tmp_path: Path) -> None:
    write(tmp_path, ROW | {"pos_text": "<|image_1|>"})
    with pytest.raises(DataError, match="row 0: its right answer has neither text nor picture"):
        list(read_triplets(open_root(tmp_path), "OK-VQA"))
    write(tmp_path, ROW | {"qry": 3})
    with pytest.raises(DataError, match="row 0: text and picture of its query must be texts"):
        list(read_triplets(open_root(tmp_path), "OK-VQA"))
    with pytest.raises(DataError, match="no training rows of GQA, GQA/original-00000"):
        list(read_triplets(open_root(tmp_path), "GQA"))
