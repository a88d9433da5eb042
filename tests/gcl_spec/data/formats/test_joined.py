"""Several files, and files of other names and layouts: read, or named."""

import json
from pathlib import Path
from typing import Any

import pytest

from gcl_spec.data.formats.joined import NearestRoot
from gcl_spec.data.root import FolderRoot
from gcl_spec.errors import DataError
from kinds import captions, png, source
from three import CSV, LINES, PNGS, TEXTS, folder_of_three, pictures, write_lines


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_of_three(tmp_path / "data")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_csv(end: str, folder: Path) -> None:
    (folder / "a.csv").write_bytes(CSV.replace("\n", end).encode())
    found = source(folder)
    assert pictures(found) == PNGS
    assert captions(found) == [(text,) for text in TEXTS]
    assert found.place(2) == f"{folder}/a.csv:4"


@pytest.mark.parametrize("path", ["", "*.csv", "part-{000..002}.csv", "part-00[0-2].csv"])
def test_csv_files_in_series(path: str, folder: Path) -> None:
    head, *lines = CSV.splitlines(keepends=True)
    for n, line in enumerate(lines):
        (folder / f"part-{n:03}.csv").write_text(head.replace("caption", "title") + line)
    found = source(folder, path)
    assert len(found) == 3
    assert pictures(found) == PNGS
    assert captions(found) == [(text,) for text in TEXTS]
    assert [found.place(n) for n in range(3)] == [f"{folder}/part-{n:03}.csv:2" for n in range(3)]
    assert f"{folder}/part-000.csv and 2 more: 'title' is read as 'caption'" in found.notes
    assert len(set(found.parts())) == 3
    with pytest.raises(IndexError):
        found.sample(3)


@pytest.mark.parametrize("name", ["train-{}-of-3.jsonl", "part{}.jsonl", "data/train{}.jsonl"])
def test_lines_in_series(name: str, folder: Path) -> None:
    (folder / "data").mkdir()
    for n, line in enumerate(LINES):
        write_lines(folder / name.format(n), line, {**LINES[0], "id": f"x{n // 2}"})
    found = source(folder)
    assert found.read_bytes(str(found.sample(0).image)) == PNGS[0]
    assert [found.label(n) for n in range(6)] == ["0", "x0", "1", "x0", "2", "x1"]
    with pytest.raises(DataError, match=r":2: id 'x0' stands in an earlier file, too: .*:2$"):
        found.sample(3)


def test_files_that_are_no_series_are_named(folder: Path) -> None:
    for name in ("captions.csv", "classes.csv"):
        (folder / name).write_text(CSV)
    with pytest.raises(DataError, match=r"there are 'captions\.csv', 'classes\.csv'"):
        source(folder)
    write_lines(folder / "b.jsonl", *LINES)
    with pytest.raises(DataError, match="wanted files of one kind"):
        source(folder, "{captions.csv,b.jsonl}")


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.json", "metadata-{}.jsonl"])
@pytest.mark.parametrize("inner", ["train", "data"])
def test_pictures_beside_a_file_in_a_folder(inner: str, name: str, folder: Path) -> None:
    (folder / inner).mkdir()
    for n in range(3):
        (folder / "images" / f"{n}.png").rename(folder / inner / f"{n}.png")
    place = folder / inner / name
    rows = [{**line, "image": f"{n}.png"} for n, line in enumerate(LINES)]
    if name.endswith("csv"):
        place.write_text(CSV.replace("images/", ""))
    elif name.endswith("json"):
        place.write_text(json.dumps(rows))
    else:
        for n, row in enumerate(rows):
            write_lines(folder / inner / name.format(n), row)
    assert pictures(source(folder)) == PNGS
    (folder / "0.png").write_bytes(png(9))  # what lies in the data's own folder comes first
    assert pictures(source(folder)) == [png(9), *PNGS[1:]]


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (
            {"images": [], "annotations": [], "info": {}},
            "COCO's layout, of 'images', 'annotations'",
        ),
        ({"questions": []}, "it is one object, of 'questions': write an object a line as .jsonl"),
        (None, "JSON lines do: give it a name that ends in .jsonl"),
    ],
)
def test_json_of_other_layouts_is_named(record: Any, said: str, folder: Path) -> None:
    write_lines(folder / "a.json", *(LINES if record is None else [record]))
    with pytest.raises(DataError, match=said):
        source(folder)


def test_a_folder_of_save_to_disk_is_named(folder: Path) -> None:
    for place in (folder, folder / "train"):
        place.mkdir(exist_ok=True)
        for name in ("state.json", "dataset_info.json"):
            (place / name).write_text("{}")
        (place / "data-00000-of-00001.arrow").write_bytes(b"\xff\xff\xff\xff")
        with pytest.raises(DataError, match=r"arrow' is an Arrow file; write it as parquet"):
            source(place)


@pytest.mark.parametrize("name", ["train.ndjson", "train.jsonlines"])
def test_lines_under_another_name_are_named(name: str, folder: Path) -> None:
    write_lines(folder / name, *LINES)
    for inner in ("", name):
        with pytest.raises(DataError, match=r"JSON; give it a name that ends in \.jsonl"):
            source(folder, inner)


def test_what_a_folder_without_data_holds_is_said(folder: Path) -> None:
    (folder / "1.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"there are '1\.jpg', 'images'; name the files"):
        source(folder)
    for name in ("config.toml", "metrics.jsonl"):
        (folder / name).write_text("")
    with pytest.raises(DataError, match="it is the folder of a run: name the data"):
        source(folder)


@pytest.mark.parametrize(
    ("end", "text", "empty"),
    [("csv", CSV, "image,caption\n"), ("json", json.dumps(LINES), "[]"), ("jsonl", "", "\n")],
)
def test_files_of_a_series_that_hold_nothing(end: str, text: str, empty: str, folder: Path) -> None:
    full = text or "".join(json.dumps(line) + "\n" for line in LINES)
    for n, content in enumerate((empty, full, empty)):
        (folder / f"p-{n}.{end}").write_text(content)
    found = source(folder)
    assert pictures(found) == PNGS
    (warning,) = found.warnings
    assert warning.startswith("files without a sample: 2, such as '")
    (folder / f"p-1.{end}").write_text(empty)
    with pytest.raises(DataError, match=rf"p-0\.{end} holds no"):
        source(folder)


def test_a_long_series_leaves_no_file_open(folder: Path) -> None:
    before = len(list(Path("/dev/fd").iterdir()))
    for n in range(50):
        (folder / f"p-{n}.csv").write_text(CSV)
    found = source(folder)
    assert len(found) == 150
    assert len(list(Path("/dev/fd").iterdir())) <= before + 1
    (folder / "p-7.csv").write_text(CSV + "images/0.png,more\n")
    with pytest.raises(DataError, match=r"p-\d+\.csv has changed since it was opened"):
        captions(found)


def test_a_folder_that_is_looked_up_in_two_places_is_never_said_to_be_absent(folder: Path) -> None:
    """A root without a folder says None (`Root.listing`), but its files may lie in the other."""
    (folder / "train" / "inner").mkdir(parents=True)
    (folder / "train" / "inner" / "a.png").write_bytes(png(1))
    root = FolderRoot(folder)
    assert root.listing("inner") is None
    nearest = NearestRoot(root, "train")
    assert nearest.exists("inner/a.png")
    assert nearest.listing("inner") == ()
