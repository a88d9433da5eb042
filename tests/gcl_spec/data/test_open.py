"""Every kind of data gives the same samples, by number, and nothing from outside of it."""

import io
import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gcl_spec.config.options import ColumnsConfig
from gcl_spec.errors import DataError
from kinds import ROWS, WRITERS, member, png, rows, source, write_llava, write_parquet


@pytest.mark.parametrize("kind", WRITERS)
def test_every_kind_gives_the_same_rows(kind: str, tmp_path: Path) -> None:
    WRITERS[kind](tmp_path / "data")
    found = source(tmp_path / "data")
    assert rows(found) == ROWS
    assert len({found.place(n) for n in range(len(found))}) == len(ROWS)
    samples = [found.sample(n) for n in range(len(found))]
    assert samples[0].concept == samples[3].concept == "a dog"
    assert len({sample.concept for sample in samples}) == len(ROWS) - 1
    assert found.warnings == ()
    with pytest.raises(DataError):
        found.read_bytes("../secret")


@pytest.mark.parametrize(
    ("kind", "name"),
    [("tar", "{00000..00001}.tar"), ("tar", "0000[01].tar"), ("parquet bytes", "*.parquet"),
     ("llava", "blip.json"), ("jsonl", "train.jsonl")],
)  # fmt: skip
def test_files_by_pattern(kind: str, name: str, tmp_path: Path) -> None:
    WRITERS[kind](tmp_path / "data")
    assert rows(source(tmp_path / "data", name)) == ROWS


def test_only_the_train_files_of_a_data_set_are_read(tmp_path: Path) -> None:
    write_parquet(tmp_path / "data")
    table = pa.table({"image": pa.array([png(9)], pa.binary()), "caption": ["of the test"]})
    pq.write_table(table, tmp_path / "data" / "test-000.parquet")
    assert rows(source(tmp_path / "data")) == ROWS


def test_nothing_of_use(tmp_path: Path) -> None:
    for name, message in {"": "no train.jsonl, *.parquet", "none": "no folder or zip"}.items():
        with pytest.raises(DataError) as caught:
            source(tmp_path, name)
        assert message in str(caught.value)
    (tmp_path / "a.tar").write_bytes(b"")
    (tmp_path / "a.json").write_text("{}")
    for name, message in {
        "*": "names 2 files",
        "a.tar": "no whole sample",
        "a.json": "JSON array",
    }.items():
        with pytest.raises(DataError) as caught:
            source(tmp_path, f"{name}" if name != "*" else "a.*")
        assert message in str(caught.value)


def test_columns_have_other_names(tmp_path: Path) -> None:
    table = pa.table({"jpg": pa.array([png(1)], pa.binary()), "alt": [["one", " ", "two"]]})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"are 'jpg', 'alt'; choose with --set data\.columns"):
        source(tmp_path)
    found = source(tmp_path, columns=ColumnsConfig(image="jpg", text="alt")).sample(0)
    assert found.captions == ("one", "two")
    with pytest.raises(DataError, match="column 'jpg' is binary, not string"):
        source(tmp_path, columns=ColumnsConfig(image="alt", text="jpg"))


def test_rows_that_are_malformed_have_their_place(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        '{"id": "1", "captions": ["x"]}\n{\n{"id": "1", "captions": ["y"]}\n{"id": "2"}\n'
    )
    lines = [{"id": 1}, 5, {"image": 3}, {"conversations": [{"from": "gpt", "value": "fine"}]},
             {"conversations": [{"from": "gpt", "value": 3}]},
             {"conversations": [{"from": "gpt", "value": "\ud800"}]}]  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(lines))
    table = pa.table({"image": pa.array([None, png(1)], pa.binary()), "caption": ["  ", None]})
    pq.write_table(table, tmp_path / "a.parquet")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for info, data in [
            member("1.jpg", b"/etc/passwd", tarfile.SYMTYPE), member("2.txt", b"\xff\xfe"),
            member("3.json", b"{"), member("4.json", b"[]"), member("5.txt", b"fine"),
            member("../../6.txt", b"fine"), member("7.cls", b"3"),
            member("8.txt", b"/etc/passwd", tarfile.LNKTYPE),
        ]:  # fmt: skip
            archive.addfile(info, io.BytesIO(data))
    good = {"a.jsonl": [0], "a.json": [3], "a.parquet": [1], "a.tar": [4, 5]}
    for name, fine in good.items():
        found = source(tmp_path, name)
        for n in range(len(found)):
            if n in fine:
                assert found.sample(n).captions in (("x",), ("fine",), ())
                continue
            with pytest.raises(DataError) as caught:
                found.sample(n)
            assert str(caught.value).count(name) == 1
    for name, labels in {
        "a.jsonl": ["1", "", "1", "2"], "a.json": ["1", *"12345"], "a.parquet": ["", ""],
        "a.tar": ["1", "2", "3", "4", "5", "../../6", "8"],
    }.items():  # fmt: skip
        found = source(tmp_path, name)
        assert [found.label(n) for n in range(len(found))] == labels


@pytest.mark.parametrize("path", ["../x.png", "/etc/passwd", "a\\..\\..\\b.png", "link.png"])
@pytest.mark.parametrize("kind", ["jsonl", "llava", "parquet"])
def test_pictures_do_not_leave_the_data(kind: str, path: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "x.png").write_bytes(png(1))
    (folder / "link.png").symlink_to(tmp_path / "x.png")
    if kind == "jsonl":
        (folder / "train.jsonl").write_text(json.dumps({"id": "1", "image": path, "captions": []}))
    elif kind == "llava":
        (folder / "a.json").write_text(json.dumps([{"image": path, "conversations": []}]))
    else:
        pq.write_table(pa.table({"image": [path], "caption": ["x"]}), folder / "a.parquet")
    found = source(folder)
    with pytest.raises(DataError, match="leads out"):
        found.read_bytes(found.sample(0).image or "")


def test_pictures_in_another_folder(tmp_path: Path) -> None:
    write_llava(tmp_path / "data")
    (tmp_path / "data" / "images").rename(tmp_path / "pictures")
    assert rows(source(tmp_path / "data", images=str(tmp_path / "pictures"))) == ROWS


def test_a_bad_byte_costs_its_line_alone(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(
        b'\xef\xbb\xbf{"id": "1", "captions": ["x"]}\n{"id": "2", "captions": ["caf\xe9"]}\n'
        b'{"id": "3", "captions": ["y"]}\n'
    )
    found = source(tmp_path, "a.jsonl")
    assert [found.sample(n).captions for n in (0, 2)] == [("x",), ("y",)]
    with pytest.raises(DataError, match=r"a\.jsonl:2: not UTF-8 text"):
        found.sample(1)


def test_files_of_macos_are_no_data(tmp_path: Path) -> None:
    write_parquet(tmp_path / "data")
    (tmp_path / "data" / "._train-000.parquet").write_bytes(b"junk")
    assert rows(source(tmp_path / "data")) == ROWS
