"""Csv and tsv files: delimiters, quotes, names of columns, and rows that are malformed."""

import csv
import os
from pathlib import Path

import pytest

from gcl_spec.config.options import ColumnsConfig
from gcl_spec.data.formats import text_table
from gcl_spec.errors import DataError
from kinds import ROWS, png, rows, source, write_files

LONG = 'He said "no", twice;\nthen\ta naïve \u2028 line'


def write(path: Path, delimiter: str = ",", names: tuple[str, str] = ("image", "caption")) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(["id", *names])
        for name, image, text in ROWS:
            writer.writerow([name, image and f"images/{name}.png", text])


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_rows_are_those_of_other_kinds(delimiter: str, name: str, tmp_path: Path) -> None:
    write_files(tmp_path / "d")
    write(tmp_path / "d" / name, delimiter)
    found = source(tmp_path / "d", name)
    assert rows(found) == ROWS
    assert rows(source(tmp_path / "d")) == ROWS  # the one file of the folder
    assert [found.place(n)[-2:] for n in range(2)] == [":2", ":3"]
    assert found.label(1) == "b"
    samples = [found.sample(n) for n in range(len(found))]
    assert samples[0].concept == samples[3].concept == "a dog"


@pytest.mark.parametrize("names", [("filepath", "title"), ("file_name", "text"), ("img", "alt")])
def test_names_of_columns(names: tuple[str, str], tmp_path: Path) -> None:
    write_files(tmp_path / "d")
    write(tmp_path / "d" / "a.csv", "\t", names)
    columns = ColumnsConfig(image="img", text="alt") if names[0] == "img" else ColumnsConfig()
    assert rows(source(tmp_path / "d", "a.csv", columns=columns)) == ROWS
    with pytest.raises(DataError, match=r"data\.columns\.image"):
        source(tmp_path / "d", "a.csv", columns=ColumnsConfig(image="picture"))


def test_values_in_quotes(tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerows(
            [["id", "caption"], ["a", LONG], [], ["b", "x" * 200_000], ["c", 'an 5" tv']]
        )
    found = source(tmp_path, "a.csv")
    samples = [found.sample(n) for n in range(len(found))]
    assert [sample.id for sample in samples] == ["a", "b", "c"]
    assert samples[0].captions == (LONG,)
    assert samples[1].captions == ("x" * 200_000,)


def test_a_malformed_row_takes_no_other_with_it(tmp_path: Path) -> None:
    lines = ["image,caption", "a.png,fine", 'b.png,"not closed', "c.png,also fine", "d.png,a,b",
             'e.png,"a" b', "f.png", "g.png,the last\xff"]  # fmt: skip
    (tmp_path / "a.csv").write_bytes("\n".join(lines).encode("latin-1"))
    found = source(tmp_path, "a.csv")
    assert len(found) == 7
    for n in range(7):
        if n in (0, 2):
            assert found.sample(n).captions == (("fine",) if n == 0 else ("also fine",))
            continue
        with pytest.raises(DataError) as caught:
            found.sample(n)
        assert found.place(n) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "has no header"), (b"image,caption\n", "no row below its header"),
     (b"a cat\tb.png\na dog\td.png\n", "the first line must name the columns"),
     (b"image,image\na,b\n", "two columns 'image'"), (b"a,b\n1,2\n", "data.columns.image=NAME"),
     ("image,caption\na,b\n".encode("utf-16"), "UTF-16"), (b"image,caf\xe9\na,b\n", "not UTF-8"),
     (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS")],
)  # fmt: skip
def test_files_that_are_none(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DataError) as caught:
        source(tmp_path, "a.csv")
    assert message in str(caught.value)


def test_only_places_are_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.tsv").write_text("caption\n" + "".join(f"text {n}\n" for n in range(20_000)))
    found = source(tmp_path, "a.tsv")
    assert found.sample(19_999).captions == ("text 19999",)
    monkeypatch.setattr(text_table, "_LONGEST", 50)
    (tmp_path / "b.tsv").write_text("caption\n" + "x" * 100 + "\n")
    with pytest.raises(DataError, match=r"b\.tsv:2: a line of more than"):
        source(tmp_path, "b.tsv")
    with (tmp_path / "a.tsv").open("r+b") as file:
        file.truncate(100)
    with pytest.raises(DataError, match="shorter"):
        found.sample(19_999)


def test_a_folder_of_another_kind_says_which(tmp_path: Path) -> None:
    (tmp_path / "data-00000-of-00001.arrow").write_bytes(b"ARROW1")
    with pytest.raises(DataError, match="an Arrow file; write it as parquet"):
        source(tmp_path)


def test_pointers_of_git_lfs_are_named_in_every_kind(tmp_path: Path) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'ab' * 32}\nsize 1000\n"
    for name in ("a.parquet", "a.tar", "a.npz", "a.zip", "a.json", "a.jsonl", "a.csv", "a.bin"):
        (tmp_path / name).write_text(pointer)
        with pytest.raises(DataError, match="git lfs pull"):
            source(tmp_path, name)
    for name in ("train.jsonl", "train.parquet", "00000.tar"):
        folder = tmp_path / name.replace(".", "-")
        folder.mkdir()
        (folder / name).write_text(pointer)
        with pytest.raises(DataError, match="git lfs pull"):
            source(folder)


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    name = os.fsdecode(b"d\xe9j\xe0")
    write_files(tmp_path / name)
    write(tmp_path / name / f"{name}.csv")
    assert rows(source(tmp_path / name, f"{name}.csv")) == ROWS
    assert png(1) == rows(source(tmp_path / name))[0][1]
