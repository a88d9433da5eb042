"""Names from other systems: Windows' backslashes, macOS' letters, old archives' encodings."""

import json
import unicodedata
import zipfile
from pathlib import Path

import pytest

from gcl_spec.data.root import open_root
from gcl_spec.errors import DataError
from gcl_spec.tasks.folder import has_tasks
from kinds import png, source

NAMES = ("é/画像 ü.png", "사진/가.png", "plain/1.png")


def forms(name: str) -> list[str]:
    return [name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))]


@pytest.mark.parametrize("name", NAMES)
def test_letters_in_folders(name: str, tmp_path: Path) -> None:
    for stored in forms(name):
        folder = tmp_path / f"f{len(list(tmp_path.iterdir()))}"
        (folder / stored).parent.mkdir(parents=True)
        (folder / stored).write_bytes(png(1))
        root = open_root(folder)
        for wanted in forms(name):
            for path in (wanted, wanted.replace("/", "\\"), f".\\{wanted}"):
                assert root.exists(path)
                assert root.read_bytes(path) == png(1)
        assert not root.exists(f"{name}x")


def test_a_backslash_may_be_a_letter(tmp_path: Path) -> None:
    (tmp_path / "a\\b.png").write_bytes(png(1))
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.png").write_bytes(png(2))
    assert open_root(tmp_path).read_bytes("a\\b.png") == png(1)


@pytest.mark.parametrize(
    "path", ["..\\x", "a\\..\\..\\x", "C:\\x.png", "C:/x.png", "\\\\host\\x", "/etc/passwd", "\\x"]
)
def test_no_spelling_leads_out(path: str, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "x").write_bytes(b"secret")
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr("a.png", png(1))
    for root in (open_root(tmp_path / "d"), open_root(tmp_path / "d.zip")):
        with pytest.raises(DataError):
            root.read_bytes(path)


def test_paths_from_the_root_into_the_folder_itself(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.png").write_bytes(png(1))
    for path in (f"{tmp_path}/d/a.png", f"file://{tmp_path}/d/a.png"):
        assert open_root(tmp_path / "d").read_bytes(path) == png(1)
    with pytest.raises(DataError, match="leads out"):
        open_root(tmp_path / "d").read_bytes(f"file://{tmp_path}/d/../x.png")
    with pytest.raises(DataError, match=r"data\.images"):
        open_root(tmp_path / "d").read_bytes(f"{tmp_path}/e/a.png")


def raw_zip(path: Path, names: list[bytes]) -> None:
    """A zip archive whose names are these bytes, and say nothing of their encoding."""
    stand_ins = [f"{n:0{len(name)}d}"[-len(name) :] for n, name in enumerate(names)]
    with zipfile.ZipFile(path, "w") as archive:
        for n, name in enumerate(stand_ins):
            archive.writestr(name, png(n))
    data = path.read_bytes()
    for stand_in, name in zip(stand_ins, names, strict=True):
        data = data.replace(stand_in.encode(), name)
    path.write_bytes(data)


@pytest.mark.parametrize("encoding", ["utf-8", "gbk", "big5", "cp932", "cp437", "cp949", "cp1252"])
def test_archives_in_old_encodings(encoding: str, tmp_path: Path) -> None:
    some = {"gbk": "图片", "big5": "圖片", "cp932": "画像", "cp437": "été", "cp949": "사진"}
    word = some.get(encoding, "café")
    names = [f"images/{word}{'x' * 60}{n}.png" for n in range(3)]
    raw_zip(tmp_path / "a.zip", [name.encode(encoding) for name in names])
    root = open_root(tmp_path / "a.zip")
    for n, name in enumerate(names):
        for form in forms(name):
            assert root.exists(form)
            assert root.read_bytes(form) == png(n)


def write_zip(path: Path, top: str = "", slash: str = "/") -> None:
    with zipfile.ZipFile(path, "w") as archive:
        lines = [
            {"id": str(n), "image": f"images/é{n}.png", "captions": [f"c {n}"]} for n in range(3)
        ]
        archive.writestr(f"{top}train.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
        for n in range(3):
            name = unicodedata.normalize("NFD", f"{top}images/é{n}.png").replace("/", slash)
            archive.writestr(name, png(n))
            archive.writestr(f"__MACOSX/{top}images/._é{n}.png", b"\0\5\26\7")
        archive.writestr(f"{top}tasks{slash}t{slash}queries.jsonl", "{}\n")
        archive.writestr("__MACOSX/._train.jsonl", b"\0\5\26\7")
        archive.writestr(f"{top}.DS_Store" if top else ".DS_Store", b"\0")


@pytest.mark.parametrize("slash", ["/", "\\"])
@pytest.mark.parametrize("top", ["", "my data/"])
def test_archives_of_macos_and_windows(top: str, slash: str, tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", top, slash)
    found = source(tmp_path, "a.zip")
    assert [found.read_bytes(found.sample(n).image or "") for n in range(3)] == list(
        map(png, range(3))
    )
    root = open_root(tmp_path / "a.zip")
    assert has_tasks(root, "tasks")
    assert root.folders("tasks") == ["t"]
    assert "__MACOSX" not in root.folders("")
