"""An index follows a folder, and holds each item once."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from closed_folders import closed_to
from gcl_spec.errors import ConfigError, DataError
from gcl_spec.progress import Quiet
from indexed import added, opened, stored, write_folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "data")


def test_a_folder_is_indexed_by_what_its_items_have(data: Path, tmp_path: Path) -> None:
    (data / "bad.jpg").write_bytes(b"no picture")
    (data / "photo.HEIC").write_bytes(b"ftypheic")
    (data / ".hidden.png").write_bytes(b"")
    done = added(tmp_path / "ix", data)
    assert (done.added, done.same, done.removed) == (4, 0, 0)
    assert set(done.absent) == {"bad.jpg", "photo.HEIC"}
    assert "not a readable picture" in done.absent["bad.jpg"]
    assert "HEIC files are not read" in done.absent["photo.HEIC"]
    index = opened(tmp_path / "ix")
    assert len(index) == 4
    assert index.modalities == {"image": 2, "text": 1, "image+text": 1}
    row = index.get("red.png")
    assert (row.modality, row.text, row.image) == ("image+text", "a red tile", "red.png")
    norms = np.linalg.norm(list(stored(tmp_path / "ix").values()), axis=1)
    np.testing.assert_allclose(norms, 1, rtol=1e-6)


def test_the_same_again_changes_nothing_and_computes_nothing(data: Path, tmp_path: Path) -> None:
    added(tmp_path / "ix", data)
    version = opened(tmp_path / "ix")._table.lance.version
    done = added(tmp_path / "ix", data, update=True)
    assert (done.added, done.replaced, done.same, done.removed) == (0, 0, 4, 0)
    assert opened(tmp_path / "ix")._table.lance.version == version


def test_an_update_follows_what_was_added_changed_and_removed(data: Path, tmp_path: Path) -> None:
    added(tmp_path / "ix", data)
    before = stored(tmp_path / "ix")
    Image.new("RGB", (8, 8), (200, 200, 20)).save(data / "yellow.png")
    (data / "green.txt").write_text("now with a caption")
    (data / "blue.png").unlink()
    done = added(tmp_path / "ix", data)
    assert (done.added, done.replaced, done.same, done.removed) == (1, 1, 2, 0)
    done = added(tmp_path / "ix", data, update=True)
    assert (done.added, done.replaced, done.same, done.removed) == (0, 0, 4, 1)
    index, after = opened(tmp_path / "ix"), stored(tmp_path / "ix")
    assert set(after) == {"red.png", "green.png", "yellow.png", "sub/note.txt"}
    assert index.get("green.png").modality == "image+text"
    assert np.any(after["green.png"] != before["green.png"])
    np.testing.assert_array_equal(after["red.png"], before["red.png"])


def test_an_update_removes_what_is_not_readable_any_more(data: Path, tmp_path: Path) -> None:
    added(tmp_path / "ix", data)
    (data / "blue.png").write_bytes(b"torn")
    assert added(tmp_path / "ix", data).absent.keys() == {"blue.png"}
    assert len(opened(tmp_path / "ix")) == 4
    assert added(tmp_path / "ix", data, update=True).removed == 1


def test_a_folder_that_is_empty_or_gone_removes_nothing(data: Path, tmp_path: Path) -> None:
    added(tmp_path / "ix", data)
    for path in data.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(DataError, match="holds no picture and no text"):
        added(tmp_path / "ix", data, update=True)
    data.rmdir()
    with pytest.raises(DataError):
        added(tmp_path / "ix", data, update=True)
    assert len(opened(tmp_path / "ix")) == 4


def test_an_update_keeps_items_below_a_folder_that_cannot_be_read(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk of the network that is away for a while is no reason to compute all rows again."""
    added(tmp_path / "ix", data)
    (data / "blue.png").unlink()
    said, reporter = list[str](), Quiet()
    closed_to(monkeypatch, "sub")
    monkeypatch.setattr(Quiet, "say", lambda self, text: said.append(text))
    done = added(tmp_path / "ix", data, update=True, reporter=reporter)
    assert (done.removed, done.same) == (1, 2)
    assert set(stored(tmp_path / "ix")) == {"red.png", "green.png", "sub/note.txt"}
    assert said == ["note: 1 items stay that lie in folders which cannot be read now"]
    monkeypatch.undo()
    (data / "sub" / "note.txt").unlink()
    assert added(tmp_path / "ix", data, update=True).removed == 1


def test_nothing_readable_makes_no_index(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for n in range(3):
        (tmp_path / "data" / f"{n}.jpg").write_bytes(b"no picture")
    with pytest.raises(
        DataError, match=r"none of 3 items can be indexed, such as '0.jpg': .*not a"
    ):
        added(tmp_path / "ix", tmp_path / "data", size=2)
    assert not (tmp_path / "ix").exists()
    (tmp_path / "ix").mkdir()
    (tmp_path / "ix" / "mine").write_text("")
    with pytest.raises(ConfigError, match="is not empty and holds no index"):
        added(tmp_path / "ix", tmp_path / "data")


def test_two_folders_share_an_index(data: Path, tmp_path: Path) -> None:
    other = write_folder(tmp_path / "other")
    Image.new("RGB", (8, 8), (1, 2, 3)).save(other / "red.png")
    added(tmp_path / "ix", data)
    done = added(tmp_path / "ix", other)
    assert (done.added, done.same, set(done.absent)) == (0, 3, {"red.png"})
    assert "another item of this id" in done.absent["red.png"]
    assert added(tmp_path / "ix", other, prefix="other/").added == 4
    assert len(opened(tmp_path / "ix")) == 8
    # Neither an update of the one nor of the other removes the items of both.
    (data / "blue.png").unlink()
    assert added(tmp_path / "ix", data, update=True).removed == 1
    assert len(opened(tmp_path / "ix")) == 7


def test_a_folder_that_was_moved_is_found_again(data: Path, tmp_path: Path) -> None:
    added(tmp_path / "ix", data)
    before = stored(tmp_path / "ix")
    data.rename(tmp_path / "moved")
    done = added(tmp_path / "ix", tmp_path / "moved", update=True)
    assert (done.added, done.replaced, done.same, done.removed) == (0, 4, 0, 0)
    index = opened(tmp_path / "ix")
    assert index.picture("red.png") == (tmp_path / "moved" / "red.png").read_bytes()
    for name, row in stored(tmp_path / "ix").items():
        np.testing.assert_array_equal(row, before[name])


def test_pictures_that_others_stumble_over(tmp_path: Path) -> None:
    """Those that programs like this one have crashed on, lost, or taken for others."""
    data = tmp_path / "data"
    data.mkdir()
    frames = [Image.new("RGB", (8, 8), (n, 9, 200)) for n in (10, 200)]
    frames[0].save(data / "moving.gif", save_all=True, append_images=frames[1:])
    frames[0].save(data / "moving.webp", save_all=True, append_images=frames[1:], lossless=True)
    frames[0].save(data / "grey.png", bits=8)
    Image.new("RGBA", (8, 8), (1, 200, 3, 0)).save(data / "clear.png")
    Image.new("CMYK", (8, 8), (1, 200, 3, 9)).save(data / "cmyk.jpg")
    Image.new("RGB", (8, 900), (1, 2, 200)).save(data / "thin.png")
    whole = (data / "thin.png").read_bytes()
    (data / "no-suffix-of-its-own.jpg").write_bytes(whole)
    (data / "cut.png").write_bytes(whole[: len(whole) // 2])
    (data / "empty.jpg").write_bytes(b"")
    (data / "heic.jpg").write_bytes(b"\0\0\0\x18ftypheic" + bytes(90))
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"
    (data / "lfs.png").write_text(pointer + " " * 90)
    (data / "out.png").symlink_to(tmp_path / "secret.png")
    (data / "in.png").symlink_to("thin.png")
    os.mkfifo(data / "pipe.png")
    done = added(tmp_path / "ix", data)
    assert set(done.absent) == {
        "cut.png", "empty.jpg", "heic.jpg", "lfs.png", "out.png", "pipe.png",
    }  # fmt: skip
    assert "leads out" in done.absent["out.png"]
    rows = stored(tmp_path / "ix")
    assert len(rows) == 8
    for name in ("in.png", "no-suffix-of-its-own.jpg"):
        np.testing.assert_array_equal(rows[name], rows["thin.png"])
    np.testing.assert_allclose(rows["moving.webp"], rows["grey.png"], atol=1e-3)
    again = added(tmp_path / "ix", tmp_path / "data" / ".." / "data", update=True)
    assert (again.same, again.removed, again.replaced) == (8, 0, 0)
