"""MMEB's training rows, as samples of a picture and a text."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gcl_spec.config.options import ColumnsConfig
from gcl_spec.data.formats import jsonl
from gcl_spec.data.formats.mmeb import is_mmeb, plain_text
from gcl_spec.errors import DataError
from kinds import png, source

FILE = "original-00000-of-00001.parquet"
ROW: dict[str, Any] = {
    "qry": "<|image_1|>\nWhat is it?\n",
    "qry_image_path": "images/a.png",
    "pos_text": "a dog",
    "pos_image_path": "",
    "neg_text": "",
    "neg_image_path": "",
}
TEXT_TO_IMAGE = {
    "qry": "Find it: a cat",
    "qry_image_path": "",
    "pos_text": "<|image_1|>\nRepresent the given image.\n",
    "pos_image_path": "images/b.png",
    "neg_text": "<|image_1|>",
    "neg_image_path": "images/a.png",
}


def write(folder: Path, *rows: dict[str, Any], without: str = "never") -> Path:
    """The folder of a set, in MMEB-train with its pictures."""
    whole = folder / "MMEB-train"
    (whole / "images").mkdir(parents=True, exist_ok=True)
    for number, name in enumerate("ab"):
        (whole / "images" / f"{name}.png").write_bytes(png(number))
    (whole / "OK-VQA").mkdir(exist_ok=True)
    kept = [{k: v for k, v in (ROW | row).items() if not k.startswith(without)} for row in rows]
    pq.write_table(pa.Table.from_pylist(kept), whole / "OK-VQA" / FILE)
    return whole


def test_a_sample_is_the_picture_of_one_side_and_the_text_of_the_other(tmp_path: Path) -> None:
    found = source(
        write(tmp_path, {}, TEXT_TO_IMAGE), "OK-VQA", images=str(tmp_path / "MMEB-train")
    )
    first, second = (found.sample(n) for n in range(len(found)))
    assert (first.image, first.captions, first.concept) == ("images/a.png", ("a dog",), "a dog")
    assert (second.image, second.captions) == ("images/b.png", ("Find it: a cat",))
    assert found.read_bytes("images/b.png") == png(1)
    assert found.place(1).endswith("OK-VQA/original-00000-of-00001.parquet row 1")
    assert (first.id, found.label(0)) == (found.place(0), "")
    assert found.warnings == ()
    assert next(found.parts()).endswith(", 2)")


def test_what_a_sample_cannot_hold_is_counted(tmp_path: Path) -> None:
    both, none = ROW | {"pos_image_path": "images/b.png"}, ROW | {"qry_image_path": ""}
    found = source(write(tmp_path, both, {}, none, both, TEXT_TO_IMAGE), "OK-VQA")
    assert [found.place(n)[-5:] for n in range(len(found))] == ["row 1", "row 4"]
    where = found.name
    assert found.notes == (
        f"{where}: read as MMEB's training rows: the picture of a query or of its right answer, "
        "with the text of the other: 2 of 5 rows",
        f"{where}: rows that are left out: 2 with a picture on both sides, 1 without any",
        f"{where}: texts beside the picture, which are not used: 2, such as 'What is it?'",
        f"{where}: wrong answers, which are not used: 1",
    )
    assert found.warnings == (
        f"{where}: no picture 'images/a.png' in {tmp_path}/MMEB-train/OK-VQA; the paths begin in "
        "the folder that holds MMEB's sets: name it with --set data.images=FOLDER",
    )


def test_wrong_answers_may_be_absent_and_nothing_is_said_of_what_is_not_there(
    tmp_path: Path,
) -> None:
    found = source(write(tmp_path, {"qry": "<|image_1|>"}, without="neg"), "OK-VQA")
    assert len(found.notes) == 1


def test_several_versions_of_a_set_are_the_same_rows(tmp_path: Path) -> None:
    folder = write(tmp_path, {}) / "OK-VQA"
    shutil.copy(folder / FILE, folder / FILE.replace("original", "diverse_instruction"))
    found = source(folder, images=str(folder.parent))
    assert len(found) == 2
    assert (
        "the same rows under other instructions: diverse_instruction, original; n"
        in found.warnings[0]
    )
    shutil.copytree(folder, folder.with_name("GQA"))
    assert source(folder.parent, "*/original-*", images=str(folder.parent)).warnings == ()


def test_malformed_rows_keep_their_place(tmp_path: Path) -> None:
    found = source(write(tmp_path, {"pos_text": plain_text("<|image_1|>\n")}, {}), "OK-VQA")
    with pytest.raises(DataError, match="row 0: its right answer has neither text nor picture"):
        found.sample(0)
    assert found.sample(1).captions == ("a dog",)
    found = source(write(tmp_path, {"qry": 3}), "OK-VQA")
    assert found.warnings == ()
    with pytest.raises(DataError, match="row 0: 'qry' must be a text, not 3"):
        found.sample(0)
    with pytest.raises(DataError, match="holds no row of a picture and a text"):
        source(write(tmp_path, {"qry_image_path": ""}), "OK-VQA")


def test_a_file_of_malformed_rows_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonl, "_MOST_MALFORMED", 2)
    bad, folder = {"pos_text": " "}, tmp_path / "a"
    assert len(source(write(folder, {}, bad, {}, {}, bad, bad), "OK-VQA")) == 6
    with pytest.raises(DataError, match=r"3 of the first 4 samples are malformed \(.* row 3: "):
        source(write(folder, {}, bad, bad, bad, {}, {}), "OK-VQA")


def test_all_files_have_the_columns(tmp_path: Path) -> None:
    folder = write(tmp_path, {}) / "OK-VQA"
    (folder / FILE).rename(folder / "a.parquet")
    write(tmp_path, {}, without="pos_t")
    with pytest.raises(DataError, match=rf"{FILE} has no column 'pos_text', which .*a\.parquet"):
        source(folder)


def test_chosen_columns_are_read_as_in_any_table(tmp_path: Path) -> None:
    columns = ColumnsConfig(image="qry_image_path", text="pos_text")
    found = source(write(tmp_path, {}), "OK-VQA", columns=columns)
    assert (found.sample(0).image, found.sample(0).captions) == ("0", ("a dog",))
    assert not is_mmeb(["qry", "pos_text"])
