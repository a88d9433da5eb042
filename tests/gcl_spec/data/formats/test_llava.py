"""LLaVA's files of conversations."""

import shutil
from pathlib import Path

import pytest

from gcl_spec.errors import DataError
from kinds import ROWS, rows, source, write_llava


def test_a_folder_as_lcs_558k_is_downloaded(tmp_path: Path) -> None:
    write_llava(tmp_path / "data")
    (tmp_path / "data" / "blip_meta.json").write_text('[{"id": "a", "blip_caption": "x"}]')
    shutil.make_archive(str(tmp_path / "data" / "images"), "zip", tmp_path / "data" / "images")
    assert rows(source(tmp_path / "data")) == ROWS
    shutil.rmtree(tmp_path / "data" / "images")
    assert rows(source(tmp_path / "data")) == ROWS
    file = tmp_path / "data" / "blip.json"
    file.write_text(file.read_text() + "\n[]")
    with pytest.raises(DataError, match="more text after the array's end"):
        source(tmp_path / "data")
