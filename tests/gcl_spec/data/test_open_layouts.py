"""Layouts of other tools' data: read as the others are, or named, in every reader alike."""

import base64
import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gcl_spec.config.options import ColumnsConfig
from gcl_spec.data.formats.folder import JsonlSource
from gcl_spec.data.prepare.pictures import load_image
from gcl_spec.data.root import open_root
from gcl_spec.errors import DataError
from gcl_spec.tasks.folder import read_tasks
from kinds import captions, member, source, table, write_tar
from three import LINES, PATHS, PNGS, TEXTS, folder_of_three, pictures, write_lines


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_of_three(tmp_path / "data")


@pytest.mark.parametrize(
    "column",
    [
        [[x] for x in PNGS],
        [[x] for x in PATHS],
        [[{"bytes": x, "path": None}] for x in PNGS],
        pa.array([[x] for x in PATHS], pa.large_list(pa.large_string())),
        pa.array([[x] for x in PNGS], pa.list_(pa.binary(), 1)),
    ],
)
def test_a_list_of_one_picture_is_one(column: Any, folder: Path) -> None:
    pq.write_table(pa.table({"image": column, "caption": TEXTS}), folder / "a.parquet")
    found = source(folder)
    assert pictures(found) == PNGS
    assert captions(found) == [(text,) for text in TEXTS]


def test_a_list_of_no_picture_is_none_and_one_of_two_is_named(folder: Path) -> None:
    column = [[], [None], [b"", PNGS[2]]]
    pq.write_table(pa.table({"image": column, "caption": TEXTS}), folder / "a.parquet")
    found = source(folder)
    assert [found.sample(n).image for n in range(3)] == [None, None, "2"]
    with pytest.raises(DataError, match=r"row 2: 2 images; a sample has one"):
        found.read_bytes("2")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("name", ["id", "concept"])
def test_a_file_may_lack_what_is_optional(order: tuple[int, int], name: str, folder: Path) -> None:
    tables = [
        pa.table({"image": PNGS[:2], "caption": TEXTS[:2], name: ["x", "y"]}),
        pa.table({"image": PNGS[2:], "caption": TEXTS[2:]}),
    ]
    for n, place in enumerate(order):
        pq.write_table(tables[place], folder / f"{n}.parquet")
    found = source(folder)
    named = [getattr(found.sample(n), name) for n in range(3)]
    assert sorted(x for x in named if x in ("x", "y")) == ["x", "y"]
    assert sorted(captions(found)) == sorted((text,) for text in TEXTS)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("name", ["caption", "key"])
def test_a_file_that_lacks_what_is_asked_for_is_named(
    order: tuple[int, int], name: str, folder: Path
) -> None:
    tables = [pa.table({"image": PNGS, name: TEXTS}), pa.table({"image": PNGS})]
    for n, place in enumerate(order):
        pq.write_table(tables[place], folder / f"{n}.parquet")
    lacks, has = order.index(1), order.index(0)
    chosen = ColumnsConfig(id=name) if name == "key" else ColumnsConfig()
    message = rf"/{lacks}\.parquet has no column '{name}', which .*/{has}\.parquet has"
    with pytest.raises(DataError, match=message):
        source(folder, columns=chosen)


def test_ids_of_tasks_that_are_integers(tmp_path: Path) -> None:
    write_lines(tmp_path / "queries.jsonl", {"id": 1, "text": "a"})
    write_lines(tmp_path / "candidates.jsonl", {"id": 2, "text": "b"}, {"id": 10**30, "text": "c"})
    (tmp_path / "qrels.tsv").write_text("1\t2\n")
    with pytest.raises(DataError, match=r"candidates\.jsonl:2: 'id' must be"):
        read_tasks(open_root(tmp_path))
    write_lines(tmp_path / "candidates.jsonl", {"id": 2, "text": "b"})
    (task,) = read_tasks(open_root(tmp_path))
    assert task.qrels == {"1": {"2"}}


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet", "txt"])
def test_lists_that_were_written_as_text(kind: str, folder: Path) -> None:
    texts = ['["a dog", " a pup ", ""]', '["A sign", it says]', "[1, 2]", "['a', 'b']"]
    if kind == "jsonl":
        lines = [{"id": str(n), "caption": text} for n, text in enumerate(texts)]
        write_lines(folder / "train.jsonl", *lines)
    elif kind == "csv":
        quoted = ('"' + text.replace('"', '""') + '"' for text in texts)
        (folder / "a.csv").write_text("caption\n" + "\n".join(quoted))
    elif kind == "parquet":
        table(folder / "a.parquet", caption=texts)
    else:
        write_tar(folder / "a.tar", [(str(n), None, text) for n, text in enumerate(texts)])
    found = source(folder)
    assert [found.sample(n).captions for n in range(3)] == [
        ("a dog", "a pup"),
        ('["A sign", it says]',),
        ("[1, 2]",),
    ]
    with pytest.raises(DataError, match=r"Python's notation, \"\['a', 'b'\]\"; write them as JSON"):
        found.sample(3)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("name", ["train.jsonl", "a.json", "queries.jsonl"])
def test_texts_of_16_bits_are_named(encoding: str, name: str, folder: Path) -> None:
    write_lines(folder / name, [] if name == "a.json" else {"id": "1"}, encoding=encoding)
    with pytest.raises(DataError, match=rf"{name}: UTF-16 or UTF-32 text.*; save it as UTF-8"):
        read_tasks(open_root(folder)) if name == "queries.jsonl" else source(folder)


@pytest.mark.parametrize("text", ["https://example.com/1.jpg", "s3://bucket/1.jpg"])
@pytest.mark.parametrize("packed", [False, True])
def test_addresses_of_pictures_are_not_fetched(text: str, packed: bool, folder: Path) -> None:
    write_lines(folder / "train.jsonl", {**LINES[0], "image": text})
    if packed:
        with zipfile.ZipFile(folder / "a.zip", "w") as archive:
            archive.write(folder / "train.jsonl", "train.jsonl")
    with pytest.raises(DataError, match=f"{text}.*; pictures are not fetched; download them"):
        pictures(source(folder, "a.zip" if packed else ""))


def test_a_path_that_leads_out_is_named_once(folder: Path) -> None:
    with pytest.raises(DataError) as caught:
        open_root(folder).read_bytes("/elsewhere/1.jpg")
    assert str(caught.value).count(str(folder)) == 1


@pytest.mark.parametrize("record", [["a dog", "a pup"], "a dog", {"caption": "a dog"}])
def test_the_json_of_a_tar_may_be_the_captions(record: Any, folder: Path) -> None:
    write_members(folder / "a.tar", {"1.png": PNGS[1], "1.json": json.dumps(record).encode()})
    assert captions(source(folder))[0][0] == "a dog"


@pytest.mark.parametrize("key", ["image", "image_base64", "b64"])
def test_base64_in_the_json_of_a_tar_is_warned_of(key: str, folder: Path) -> None:
    record = {"caption": "a dog", key: base64.b64encode(PNGS[1]).decode()}
    text = json.dumps(record).encode()
    write_members(folder / "a.tar", {"1.json": text, "2.json": text, "2.png": PNGS[2]})
    (warning,) = source(folder).warnings
    assert "1 .json members hold a picture as base64" in warning
    assert source(folder).warnings == (warning,)  # from the kept index, too


@pytest.mark.parametrize("key", ["long_caption", "raw_text", "captionEn", "query_txt"])
def test_names_with_a_word_that_is_known_are_pointed_out(key: str, folder: Path) -> None:
    lines = [{"id": str(n), "image": PATHS[n], key: text} for n, text in enumerate(TEXTS)]
    found = source(write_lines(folder / "train.jsonl", *lines).parent)
    assert f"'{key}' of 3 lines is not a known name" in found.warnings[0]


@pytest.mark.parametrize("key", ["image_id", "text_width", "caption_source", "label"])
def test_names_of_other_things_are_not(key: str, folder: Path) -> None:
    lines = [{"id": str(n), "captions": [text], key: "x"} for n, text in enumerate(TEXTS)]
    assert source(write_lines(folder / "train.jsonl", *lines).parent).warnings == ()


def test_an_empty_picture_is_said_to_be_empty(folder: Path) -> None:
    with pytest.raises(DataError, match=r"^here: not a readable picture: the file is empty$"):
        load_image(b"", size=8, where="here")


def test_half_a_surrogate_pair_is_found_in_any_place(folder: Path) -> None:
    lines = ['{"id": "1", "captions": ["a"], "%s": 1}', '{"id": "2", "captions": ["%s"]}']
    texts = [line % half for line in lines for half in ("\\ud800", "\\uDFff", "\\ud83d\\ude00")]
    (folder / "train.jsonl").write_text("\n".join(texts).replace('"2"', '"3"', 2))
    rows = JsonlSource(open_root(folder), "train.jsonl")
    for n in (0, 1, 3, 4):
        with pytest.raises(DataError, match="surrogate"):
            rows.sample(n)
    assert rows.sample(5).captions == ("\U0001f600",)


def write_members(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            info, content = member(name, data)
            archive.addfile(info, io.BytesIO(content))


@pytest.mark.parametrize("key", ["modification", "instruction", "relative_caption", "query_txt"])
def test_texts_of_composed_queries_are_not_passed_over(key: str, tmp_path: Path) -> None:
    write_lines(tmp_path / "queries.jsonl", {"id": "q", "image": "1.png", key: "make it red"})
    write_lines(tmp_path / "candidates.jsonl", {"id": "c", "image": "2.png", "text_source": "x"})
    (tmp_path / "qrels.tsv").write_text("q\tc\n")
    with pytest.raises(DataError, match=rf"'{key}' of 1 lines .* did you mean 'text'\? rename it"):
        read_tasks(open_root(tmp_path))
    text = {"id": "q", "image": "1.png", "text": "make it red", key: "x"}
    write_lines(tmp_path / "queries.jsonl", text)
    assert read_tasks(open_root(tmp_path))[0].kind == "image+text->image"


@pytest.mark.parametrize("line", ["q 0 c 1", "q\t0\tc\t1", "q\tc\t1"])
def test_judgements_of_trec_and_beir_are_read(line: str, tmp_path: Path) -> None:
    write_lines(tmp_path / "queries.jsonl", {"id": "q", "text": "a"})
    write_lines(tmp_path / "candidates.jsonl", {"id": "c", "text": "b"})
    (tmp_path / "qrels.tsv").write_text(line)
    assert read_tasks(open_root(tmp_path))[0].qrels == {"q": frozenset({"c"})}


def test_items_of_m_beir_are_named(tmp_path: Path) -> None:
    write_lines(tmp_path / "queries.jsonl", {"qid": "9:1", "query_txt": "a"})
    with pytest.raises(DataError, match=r"'id' must be .*; there are 'qid', 'query_txt'"):
        read_tasks(open_root(tmp_path))
