"""index.json comes back as it was, and another version's is refused by name."""

import json
from pathlib import Path

import pytest

from embedding import MAKER
from gcl_spec.errors import DataError
from gcl_spec.index.about import ABOUT, About, Origin, read_about, side_by_side, write_about
from gcl_spec.index.coding import Codes

FOUND = About(MAKER, 4, "/runs/a", {"mean": ("1" * 64, 4), "bank": ("2" * 64, 7)})


def test_it_comes_back(tmp_path: Path) -> None:
    about = FOUND.with_origin(Origin("pictures", "/data")).with_origin(Origin("files"))
    write_about(tmp_path, about)
    assert read_about(tmp_path) == about
    assert about.number_of(Origin("files")) == 1
    assert about.number_of(Origin("files", "/else")) is None
    assert about.columns() == {"": ("vector", 4), "mean": ("vector_1", 4), "bank": ("vector_2", 7)}
    assert side_by_side([4, 4, 7]) == [slice(0, 4), slice(4, 8), slice(8, 15)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "gcl-spec/index-0"}, "another version .*'gcl-spec/index-0'.*make it again"),
        ({"format": "else"}, "is no index"),
        ({"maker": {}}, "cannot read it"),
        ({"width": "wide"}, "cannot read it"),
        ({"origins": [1]}, "cannot read it"),
    ],
)
def test_what_is_none_is_said(tmp_path: Path, change: dict[str, object], said: str) -> None:
    (tmp_path / ABOUT).write_text(json.dumps({**FOUND.to_json(), **change}))
    with pytest.raises(DataError, match=said):
        read_about(tmp_path)


def test_a_folder_without_it_is_no_index(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is no index .*gcl index RUN DATA --out"):
        read_about(tmp_path)
    (tmp_path / ABOUT).write_text("[1")
    with pytest.raises(DataError, match="cannot read it"):
        read_about(tmp_path)


CODED = About(
    MAKER, 2, "", {}, codes=Codes("int8", "float16"), ranges={"vector": ([-0.1, 0.0], [0.3, 1.0])}
)


def test_codes_come_back_in_a_format_that_older_versions_refuse(tmp_path: Path) -> None:
    write_about(tmp_path, CODED)
    assert read_about(tmp_path) == CODED
    assert CODED.form == "--dtype int8 --rescore float16"
    assert json.loads((tmp_path / ABOUT).read_text())["format"] == "gcl-spec/index-2"
    assert FOUND.to_json()["format"] == "gcl-spec/index-1"
    assert read_about(tmp_path).codings()["vector"].size == 2


@pytest.mark.parametrize(
    "change",
    [{"codes": ["int4", ""]}, {"codes": ["int8", "int8"]}, {"ranges": {}}, {"codes": None}],
)
def test_damaged_codes_are_said(tmp_path: Path, change: dict[str, object]) -> None:
    (tmp_path / ABOUT).write_text(json.dumps({**CODED.to_json(), **change}))
    with pytest.raises(DataError, match="cannot read it"):
        read_about(tmp_path)
