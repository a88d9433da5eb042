"""The picture of docs/architecture.md is that of the code, and what the page names is there."""

import re

from import_picture import arrows, draw, floors, picture
from repository import REPOSITORY

PAGE = (REPOSITORY / "docs" / "architecture.md").read_text()


def test_the_picture_is_that_of_the_code() -> None:
    drawn = (REPOSITORY / "docs" / "imports.svg").read_text()
    assert drawn == picture(), "run python scripts/import_picture.py"


def test_arrows_lead_down() -> None:
    found = floors()
    floor = {name: n for n, names in enumerate(found) for name in names}
    assert all(floor[start] < floor[end] for start, end in arrows(found))


def test_every_box_is_drawn_once() -> None:
    svg = draw([["above", "beside"], ["below"]], {("above", "below"): 3})
    assert svg.count("<rect") == 1 + 3
    assert "above to below: 3 imports" in svg


def test_what_the_page_names_is_there() -> None:
    named = set(re.findall(r"`([\w/]+(?:/|\.py))`", PAGE))
    core = REPOSITORY / "gcl_spec"
    gone = [x for x in named if not (REPOSITORY / x).exists() and not list(core.rglob(x))]
    assert named
    assert not gone
