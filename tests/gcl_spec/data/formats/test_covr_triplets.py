"""WebVid-CoVR's training rows as composed triplets of videos."""

from pathlib import Path

import pytest

from gcl_spec.config.options import DataConfig
from gcl_spec.data.formats.covr_triplets import is_covr
from gcl_spec.data.open import open_source
from gcl_spec.data.source import Source
from gcl_spec.errors import DataError
from video_files import write_videos

HEAD = "txt1,txt2,pth1,pth2,edit\n"


def opened(path: Path, given: tuple[str, ...] = ("video", "text")) -> Source:
    return open_source(DataConfig(path=str(path)), given)


def covr(folder: Path, rows: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "webvid2m-covr_train.csv"
    path.write_text(HEAD + rows)
    return path


def test_rows_of_webvid_covr_are_triplets(tmp_path: Path) -> None:
    folder = tmp_path / "2M" / "train"
    write_videos(folder, 2)
    path = covr(tmp_path, "a,b,videos/0,videos/1,Make it DARK!\na,b,,videos/1,x\na,b,videos/1,v,\n")
    source = opened(path)
    first, second = (f"2M/train/videos/{n}.mp4" for n in range(2))
    assert len(source) == 2, "a row without an edit is no triplet"
    assert source.sample(0).given == {
        **{"image": (first,), "video": (first,), "text": ("make it dark",)},
        "target_video": (second,),
    }
    with pytest.raises(DataError, match=r"train\.csv:3: pth1 or pth2 is empty"):
        source.sample(1)
    assert source.read_bytes(first)
    assert any("1 of video+text->video" in note for note in source.notes)
    assert any("1 of video->video" in note for note in source.notes)
    assert not source.warnings


def test_other_tables_are_none_of_it(tmp_path: Path) -> None:
    for number, text in enumerate(["", "a,b\rc,d\r", 'pth1,"pth2', "pth1,pth2\n", "\0\n"]):
        path = tmp_path / f"{number}.csv"
        path.write_bytes(text.encode())
        assert not is_covr(path)
    path.write_bytes("\ufeffedit,pth2,pth1,x\r1,2,3,4\r".encode())
    assert is_covr(path)


def test_what_is_amiss_with_webvid_covr(tmp_path: Path) -> None:
    path = covr(tmp_path, "a,b,1/x,1/y,z\n")
    (warning,) = opened(path).warnings
    assert "no video '1/x.mp4'" in warning
    assert "data.images=FOLDER" in warning
    with pytest.raises(DataError, match=r'are videos: set model\.modalities, such as \["vi'):
        opened(path, ("image", "text"))
    with pytest.raises(DataError, match=r"holds no composed triplet"):
        opened(covr(tmp_path / "none", ""))
