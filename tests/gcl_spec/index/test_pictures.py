"""Pictures are read where their items came from, and nothing else is."""

from pathlib import Path

import pytest

from gcl_spec.errors import DataError
from gcl_spec.index.about import Origin
from gcl_spec.index.given import FILES
from gcl_spec.index.pictures import Pictures
from indexed import write_folder


def test_pictures_of_each_place(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data")
    (tmp_path / "secret").write_text("secret")
    pictures, place = Pictures(tmp_path / "ix"), Origin("pictures", str(data))
    whole = (data / "red.png").read_bytes()
    assert pictures.read(place, "red.png") == whole
    assert pictures.read(FILES, str(data / "red.png")) == whole
    (data / "out.png").symlink_to(tmp_path / "secret")
    for path in ("../secret", str(tmp_path / "secret"), "out.png", "nothing.png", "a\0b"):
        with pytest.raises(DataError):
            pictures.read(place, path)
    with pytest.raises(DataError, match="this item has no picture"):
        pictures.read(place, None)
    with pytest.raises(DataError, match=r"the pictures of .*gone cannot be read"):
        pictures.read(Origin("train", str(tmp_path / "gone")), "a.png")
