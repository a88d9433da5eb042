"""A folder of videos is data: captions stand beside them."""

from pathlib import Path

import pytest

from closed_folders import closed_to
from gcl_spec.config.options import DataConfig
from gcl_spec.data.formats.sidecars import videos_in
from gcl_spec.data.open import open_source
from gcl_spec.data.sample import Sample
from gcl_spec.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "a.mp4": "1", "a.txt": "a dog\n", "in/b.WEBM": "2", "in/b.json": '{"text": ["x", "y"]}',
        "in/c.mkv": "3", "in/c.mkv.txt": "", "d.avi": "4", "e.mov": "5", "e.caption": "e",
        ".hidden.mp4": "", "tasks/t/f.mp4": "", "g.mp4": "6", "g.json": "{",
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_captions_stand_beside_videos(folder: Path) -> None:
    source = open_source(DataConfig(path=str(folder)), ("video", "text"))
    labels = [source.label(n) for n in range(len(source))]
    assert labels == ["a", "d", "e", "g", "in/b", "in/c"]
    assert source.sample(0) == Sample("a", {"text": ("a dog",), "video": ("a.mp4",)}, "a dog")
    assert source.sample(1).given == {"video": ("d.avi",)}
    with pytest.raises(DataError, match=r"g\.json: not JSON"):
        source.sample(3)
    captions = [source.sample(n).captions for n in (2, 4, 5)]
    assert captions == [("e",), ("x", "y"), ()]
    assert source.read_bytes("in/b.WEBM") == b"2"
    assert [bool(part) for part in source.parts()] == [True, True, True, False, True, True]
    assert source.notes[0].endswith("6 videos with their captions beside them, NAME.txt, "
                                    ".caption or .json; 1 have none")  # fmt: skip


def test_no_caption_is_lost_without_a_word(folder: Path) -> None:
    (folder / "a.json").write_text('{"title": "a big dog"}')
    (folder / "d.json").write_text('{"words": "a cat"}')
    source = open_source(DataConfig(path=str(folder)), ("video", "text"))
    assert source.sample(0).captions == ("a dog", "a big dog")
    with pytest.raises(DataError, match=r": d\.json: it has none of the keys caption, "):
        source.sample(1)


def test_a_folder_that_cannot_be_read_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "lost+found").mkdir()
    closed_to(monkeypatch, "lost+found")
    assert len(videos_in(str(folder))) == 6
    closed_to(monkeypatch, "in")
    with pytest.raises(DataError, match=r"in: cannot read the folder: Permission denied"):
        videos_in(str(folder))


def test_other_data_in_the_folder_is_what_is_read(folder: Path) -> None:
    assert videos_in(str(folder))
    (folder / "train.jsonl").write_text('{"id": "1", "video": "a.mp4"}\n')
    assert not videos_in(str(folder))
    source = open_source(DataConfig(path=str(folder)), ("video", "text"))
    assert source.sample(0).id == "1"
    assert not videos_in(str(folder / "a.mp4"))
    assert not videos_in("starter")


def test_a_model_of_pictures_does_not_read_it(folder: Path) -> None:
    with pytest.raises(DataError):
        open_source(DataConfig(path=str(folder)))
