"""Items of programs are mappings with an id."""

from pathlib import Path
from typing import Any

import pytest

from gcl_spec.config.options import Config
from gcl_spec.errors import DataError, InputError
from gcl_spec.index.given import PathReader, given_items


def test_a_picture_is_known_by_its_whole_path(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"a")
    found = given_items([{"id": "a", "image": tmp_path / "a.png", "text": ""}], Config())
    (entry,) = found.listing.entries(slice(None))
    assert entry.content == (("image", str(tmp_path / "a.png")),)
    assert PathReader().read_bytes(str(tmp_path / "a.png")) == b"a"
    with pytest.raises(DataError, match="cannot read it"):
        PathReader().read_bytes(str(tmp_path / "b.png"))
    (none,) = given_items([{"id": "a"}], Config()).listing.entries(slice(None))
    assert none.why == "it has neither image nor text"


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([], "there is no item to add"),
        (["a"], "item 0 is none"),
        ([{"id": "a", "txt": "b"}], "item 0 is none"),
        ([{"id": "a", "text": "b"}, {"text": "b"}], "item 1 has no id"),
        ([{"id": 7, "text": "b"}], "item 0 has no id"),
        ([{"id": "a", "image": b"b"}], "image is a bytes; give its path"),
        ([{"id": "a", "text": 7}], "text is a int; give a text"),
    ],
)
def test_what_is_no_item_is_said(items: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        given_items(items, Config())
