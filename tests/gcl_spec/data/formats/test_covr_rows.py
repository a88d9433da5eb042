"""Rows of WebVid-CoVR's files, and their texts as CoVR's own code cleans them."""

from pathlib import Path

import pytest

from gcl_spec.data.formats.covr_rows import cleaned, folder_of, read_lines, read_rows
from gcl_spec.data.root import FolderRoot
from gcl_spec.errors import DataError
from goldens import read as golden


def test_texts_are_those_of_the_peer() -> None:
    for text, wanted in golden("covr/captions.json").items():
        assert cleaned(text) == wanted
    assert len(cleaned("word " * 40).split(" ")) == 30


def test_training_rows_need_no_scores_and_keep_what_is_malformed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('pth1,pth2,edit\n1/a,1/b,x\n1/a,,y\n1/c\n"1/d",1/e,"p, q"\n')
    root = FolderRoot(tmp_path)
    places, rows = zip(*read_lines(root, "a.csv"), strict=True)
    assert [place.rpartition(":")[2] for place in places] == ["2", "3", "4", "5"]
    assert [isinstance(row, DataError) for row in rows] == [False, True, True, False]
    assert rows[3].edit == "p, q"
    assert rows[0].scores == ()
    with pytest.raises(DataError, match=r"a\.csv:1: wanted one column 'scores'"):
        list(read_rows(root, "a.csv"))


def test_the_videos_are_found_in_the_folders_of_the_peer(tmp_path: Path) -> None:
    for folder in ("", "videos/", "2M/train/", "datasets/WebVid/2M/train/"):
        path = tmp_path / f"{folder}1" / f"{len(folder)}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        assert folder_of(FolderRoot(tmp_path), f"1/{len(folder)}.mp4", ("2M", "8M")) == folder
    assert folder_of(FolderRoot(tmp_path), "1/none.mp4") == ""
