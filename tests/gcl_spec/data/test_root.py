"""Paths stay inside the data, and whatever is malformed is a DataError with its place."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gcl_spec.data.root import FolderRoot, ZipRoot, open_root
from gcl_spec.errors import DataError
from gcl_spec.tasks.folder import read_tasks
from task_files import QUERY, write_task


def zipped(folder: Path) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
    return path


def test_folder_and_archive_give_the_same(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_task(tmp_path / "data" / "tasks" / name)
    found = [
        read_tasks(open_root(p), "tasks") for p in (tmp_path / "data", zipped(tmp_path / "data"))
    ]
    assert found[0] == found[1]
    assert [task.name for task in found[0]] == ["one", "two"]
    assert found[0][0].kind == "text->image"


@pytest.mark.parametrize("path", ["../x", "/etc/hosts", "a/../../x", "a\\..\\x", "link/x"])
def test_paths_may_not_leave(tmp_path: Path, path: str) -> None:
    (tmp_path / "x").write_text("secret")
    inside = tmp_path / "data"
    inside.mkdir()
    (inside / "link").symlink_to(tmp_path)
    with pytest.raises(DataError, match="leads out") as caught:
        FolderRoot(inside).read_bytes(path)
    assert str(caught.value).count("leads out") == 1
    if path != "link/x":
        with pytest.raises(DataError, match="leads out"):
            ZipRoot(zipped(inside)).read_bytes(path)


def test_missing_and_corrupt(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder or zip archive"):
        open_root(tmp_path / "none")
    (tmp_path / "a.tar.gz").write_bytes(b"x")
    with pytest.raises(DataError, match=r"compressed.*gunzip"):
        open_root(tmp_path / "a.tar.gz")
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\x03\x04 no")
    with pytest.raises(DataError, match="cannot read the archive"):
        open_root(broken)
    with pytest.raises(DataError, match="cannot read 'x'"):
        open_root(tmp_path).read_bytes("x")
    with pytest.raises(DataError, match=r"no queries\.jsonl"):
        read_tasks(open_root(tmp_path))


def test_odd_paths_and_texts(tmp_path: Path) -> None:
    write_task(tmp_path / "t", queries='\ufeff{"id": "q", "text": "a"}')
    (task,) = read_tasks(open_root(tmp_path / "t"))
    assert task.queries[0].id == "q", "a byte-order mark is no part of the text"
    write_task(tmp_path / "t", queries='{"id": "q", "text": "\\ud800"}')
    with pytest.raises(DataError, match=r"queries\.jsonl:1"):
        read_tasks(open_root(tmp_path / "t"))
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in ("loop/x", "x" * 5000, "\ud800.png"):
        with pytest.raises(DataError):
            FolderRoot(tmp_path).read_bytes(path)
    (tmp_path / "t" / "a.txt").write_text("a")
    for root in (FolderRoot(tmp_path / "t"), ZipRoot(zipped(tmp_path / "t"))):
        assert root.read_bytes("./a.txt") == b"a"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(place=st.floats(0, 1), byte=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_archive_is_a_data_error(
    tmp_path: Path, place: float, byte: int, cut: bool
) -> None:
    if not (tmp_path / "t").exists():
        write_task(tmp_path / "t", queries=QUERY + "\n" * 500)
    data = bytearray(zipped(tmp_path / "t").read_bytes())
    at = min(int(place * len(data)), len(data) - 1)
    data = data[:at] if cut else data[:at] + bytes([byte]) + data[at + 1 :]
    (tmp_path / "t.zip").write_bytes(bytes(data))
    try:
        found = str(read_tasks(open_root(tmp_path / "t.zip")))
    except DataError as error:
        found = str(error)
    assert "t.zip" in found or "Task(name='t'" in found


def test_files_of_a_folder_are_listed_without_links(tmp_path: Path) -> None:
    (tmp_path / "x" / "y").mkdir(parents=True)
    (tmp_path / "x" / "a.png").touch()
    (tmp_path / "x" / "b.png").symlink_to(tmp_path / "x" / "a.png")
    root = FolderRoot(tmp_path)
    for path in ("x", "x/", "./x//", str(tmp_path / "x")):
        assert root.listing(path) == ["a.png"]
    assert root.listing("") == []
    assert root.listing("x/a.png/") is None
    assert root.listing("z/") is None
    assert ZipRoot(zipped(tmp_path)).listing("z/") == ()
    with pytest.raises(DataError, match="leads out"):
        root.listing("../")
