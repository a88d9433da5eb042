"""A source of composed triplets, whichever files they come from."""

from pathlib import Path

import pytest

from gcl_spec.data.formats.composed import KINDS, Composed, ComposedSource, Side, kind_of
from gcl_spec.data.root import FolderRoot
from gcl_spec.errors import DataError, EmptyDataError

EDIT = Composed(Side("redder", "a.png"), Side("", "b.png"))
TEXT = Composed(Side("what", ""), Side("this", "b.png"))
OTHER = Composed(Side("", "a.png"), Side("", "b.png"))


def test_kinds_are_named_by_their_directions() -> None:
    cut = Composed(Side("make it dark", "", "a.mp4"), Side("", "", "b.mp4"))
    assert [kind_of(x) for x in (EDIT, TEXT, cut)] == list(KINDS)
    assert kind_of(OTHER) == "image->image"


def test_concepts_are_targets_and_bad_rows_stay(tmp_path: Path) -> None:
    rows = iter([("x:1", EDIT), ("x:2", OTHER), ("x:3", DataError("x:3: bad")), ("x:4", EDIT)])
    found = ComposedSource("x", rows, FolderRoot(tmp_path))
    assert [found.place(n) for n in range(len(found))] == ["x:1", "x:3", "x:4"]
    assert found.sample(0).concept == found.sample(2).concept
    with pytest.raises(DataError, match="x:3: bad"):
        found.sample(1)
    assert list(found.parts())[1] == ""
    assert found.first_picture() == "a.png"
    assert "1 of image->image" in found.notes[1]


def test_nothing_to_train_on_is_an_error(tmp_path: Path) -> None:
    for rows in ([("x:1", OTHER)], [("x:1", DataError("bad"))], []):
        with pytest.raises(EmptyDataError, match="x holds no composed triplet"):
            ComposedSource("x", iter(rows), FolderRoot(tmp_path))
