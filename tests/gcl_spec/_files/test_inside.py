"""What counts as inside of a folder: its own files, and the blobs of a snapshot of the hub."""

import os
from pathlib import Path

import pytest

from gcl_spec._files.inside import Tree
from gcl_spec.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").write_text("inside")
    (tmp_path / "secret").write_text("outside")
    return tmp_path / "data"


def test_files_and_links_inside(folder: Path) -> None:
    (folder / "link").symlink_to("file")
    for name in ("file", "link"):
        Tree(folder).check_file(name, "with data.path")
    assert Tree(folder).holds(folder.resolve() / "none yet")
    assert not Tree(folder).holds(folder.resolve().parent / "database"), "no prefix of names"


def test_the_folder_may_be_a_link_itself(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "named").symlink_to(folder)
    Tree(tmp_path / "named").check_file("file", "with data.path")


def test_a_link_out_is_named_with_the_way_out(folder: Path) -> None:
    (folder / "link").symlink_to("../secret")
    with pytest.raises(DataError) as caught:
        Tree(folder).check_file("link", "with data.path")
    said = str(caught.value)
    assert "'link' is a link that leads out of the folder, to " in said
    assert "name that place, with data.path, or copy the folder without links" in said


def test_what_is_no_regular_file(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("loop")
    for name in ("pipe", "loop", "none", "."):
        with pytest.raises(DataError, match="cannot read"):
            Tree(folder).check_file(name, "with data.path")


def test_blobs_of_a_snapshot_are_inside(tmp_path: Path) -> None:
    repository = tmp_path / "models--a--b"
    snapshot = repository / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir()
    (repository / "blobs" / "ff").write_text("content")
    (snapshot / "config.json").symlink_to("../../blobs/ff")
    Tree(snapshot).check_file("config.json", "with model.path")
    assert not Tree(snapshot).holds(tmp_path.resolve() / "models--c--d" / "blobs" / "ff")
    other = tmp_path / "other" / "snapshots" / "0123"
    other.mkdir(parents=True)
    assert not Tree(other).holds(tmp_path.resolve() / "other" / "blobs" / "ff"), "no repository"
