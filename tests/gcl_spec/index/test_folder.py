"""A folder of pictures with captions beside them, as people have it."""

import os
from pathlib import Path

import pytest

from closed_folders import closed_to
from gcl_spec.embed.entry import Entry
from gcl_spec.errors import DataError
from gcl_spec.index.folder import FolderListing


def listing(folder: Path, **files: str | bytes) -> FolderListing:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return FolderListing(folder)


def entries(found: FolderListing) -> dict[str, Entry]:
    return {entry.id: entry for entry in found.entries(slice(None))}


def test_captions_lie_beside_their_pictures(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "a.jpg": b"", "a.txt": "\ufeff a cat \n",
        "b.PNG": b"", "b.PNG.txt": "a dog",
        "c.webp": b"", "c.json": '{"id": 3, "caption": "a bird"}',
        "d.gif": b"", "d.txt": "", "d.json": '["", "a fish"]',
        "e.tiff": b"",
        "sub/a.bmp": b"", "sub/alone.txt": "a text", "sub/empty.txt": " ",
    }  # fmt: skip
    found = entries(listing(tmp_path, **files))
    texts = {name: dict(entry.content).get("text") for name, entry in found.items()}
    assert texts == {
        "a.jpg": "a cat", "b.PNG": "a dog", "c.webp": "a bird", "d.gif": "a fish", "e.tiff": None,
        "sub/a.bmp": None, "sub/alone.txt": "a text", "sub/empty.txt": None,
    }  # fmt: skip
    assert found["sub/a.bmp"].content == (("image", "sub/a.bmp"),)
    assert found["sub/alone.txt"].modality == "text"
    assert found["sub/empty.txt"].why == "the file is empty"


def test_further_captions_are_counted(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "a.jpg": b"", "a.txt": "one", "a.json": '{"captions": ["one", "two", "three"]}',
        "b.jpg": b"", "b.json": '["four", "", "four"]', "c.jpg": b"", "c.txt": "",
        "c.json": '["5"]',
    }  # fmt: skip
    found = listing(tmp_path, **files)
    texts = [dict(entry.content).get("text") for entry in entries(found).values()]
    assert texts == ["one", "four", "5"]
    assert found.notes() == [
        "of several captions the first is taken; 2 others are left out, such as those of a.txt"
    ]


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "a.jpg": b"", "a.txt": b"\xff\xff", "b.jpg": b"", "b.json": '{"no": 1}', "c.heic": b"",
        ".hidden/x.jpg": b"", ".x.jpg": b"", "@eaDir/x.jpg": b"", "clip.mp4": b"", "list.csv": "a",
    }  # fmt: skip
    found = listing(tmp_path, **files)
    (tmp_path / "else").symlink_to(tmp_path / ".hidden")
    found = FolderListing(tmp_path)
    assert set(entries(found)) == {"a.jpg", "b.jpg", "c.heic"}
    assert "HEIC files are not read; convert it" in entries(found)["c.heic"].why
    others, links, captions = found.notes()
    assert "1 .csv" in others
    assert "1 .mp4" in others
    assert "links to folders are not followed: 1, such as else" in links
    assert "captions that cannot be read: 2, such as a.txt: it is not UTF-8" in captions


def test_names_of_files_are_their_ids(tmp_path: Path) -> None:
    names = ["e\u0301.jpg", "\u00e9.jpg", "it's.jpg", "a\nb.jpg", "#?.jpg", "x" * 200 + ".jpg"]
    listing(tmp_path, **dict.fromkeys(names, b""))
    found = FolderListing(tmp_path, "mine/")
    assert len(found) == 6
    assert {dict(x.content)["image"] for x in entries(found).values()} == set(names)
    assert all(name.startswith("mine/") for name in entries(found))
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg"))).write_bytes(b"")
    bad = [entry for entry in entries(FolderListing(tmp_path)).values() if entry.why]
    assert [(entry.id, entry.content) for entry in bad] == [(r"caf\xe9.jpg", ())]
    assert "not UTF-8" in bad[0].why


@pytest.mark.parametrize("content", ["[1]", "{", '{"text": 5}', '"a' + "b" * 5_000_000 + '"'])
def test_torn_captions_leave_the_picture(tmp_path: Path, content: str) -> None:
    found = listing(tmp_path, **{"a.jpg": b"", "a.json": content})
    assert entries(found)["a.jpg"].content == (("image", "a.jpg"),)
    assert "captions that cannot be read: 1, such as a.json" in found.notes()[0]


def test_what_is_no_folder_of_pictures_is_passed_over_or_listed(tmp_path: Path) -> None:
    """What people have reported of programs like this one."""
    hidden = tmp_path / ".photos"
    files: dict[str, str | bytes] = {
        "a.JPG": b"", "._a.JPG": b"", "System Volume Information/x.jpg": b"", "desktop.ini": "",
        "ix/index.json": "{}", "ix/items.lance/data.txt": "", "ix/x.jpg": b"",
    }  # fmt: skip
    listing(hidden, **files)
    (hidden / "folder.jpg").mkdir()
    (hidden / "folder.jpg" / "b.png").write_bytes(b"")
    (hidden / "broken.png").symlink_to("nowhere.png")
    os.mkfifo(hidden / "pipe.png")
    found = FolderListing(hidden)
    assert set(entries(found)) == {"a.JPG", "folder.jpg/b.png", "broken.png", "pipe.png"}
    assert found.notes() == []


def test_a_folder_that_cannot_be_read_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing(tmp_path, **{"a.jpg": b"", "closed/b.jpg": b""})
    closed_to(monkeypatch, "closed")
    found = FolderListing(tmp_path)
    assert set(entries(found)) == {"a.jpg"}
    assert "folders that cannot be read: 1, such as" in found.notes()[0]
    assert found.notes()[0].endswith("closed: Permission denied")
    assert FolderListing(tmp_path, "mine/").closed == ("mine/closed/",)
    monkeypatch.undo()
    assert FolderListing(tmp_path).closed == ()
    closed_to(monkeypatch, tmp_path.name)
    with pytest.raises(DataError, match="cannot read the folder: Permission denied"):
        FolderListing(tmp_path)


def test_pictures_under_the_name_of_a_kind_that_is_not_read(tmp_path: Path) -> None:
    """Exports of photographs hold JPEGs that are still named IMG_1.HEIC."""
    files: dict[str, str | bytes] = {
        "a.HEIC": b"\xff\xd8\xff\xe0JFIF", "a.txt": "a dog", "b.heic": b"\0\0\0\x18ftypheic",
        "c.avif": b"\x89PNG\r\n\x1a\n", "d.jxl": b"RIFF\0\0\0\0WEBP", "e.jp2": b"RIFF\0\0\0\0WAVE",
        "f.dng": b"II*\0", "g.nef": b"",
    }  # fmt: skip
    found = entries(listing(tmp_path, **files))
    assert {name for name, entry in found.items() if entry.why} == {
        "b.heic", "e.jp2", "f.dng", "g.nef",
    }  # fmt: skip
    assert found["a.HEIC"].content == (("image", "a.HEIC"), ("text", "a dog"))
