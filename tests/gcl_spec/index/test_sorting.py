"""Items are told apart by what the index has of them."""

from pathlib import Path

from gcl_spec.index.sorting import sort
from gcl_spec.index.sources import items_of, origin_of
from indexed import added, model_of, opened, write_folder


def test_new_changed_same_and_foreign(tmp_path: Path) -> None:
    data, config = write_folder(tmp_path / "data"), model_of(tmp_path).config
    items = items_of(origin_of(str(data), None, config.data), config)
    entries = items.listing.entries(slice(None))
    assert sort(entries, items, None, None).changed == entries
    added(tmp_path / "ix", data)
    index = opened(tmp_path / "ix")
    again = sort(entries, items, index._table, index.about)
    assert (again.changed, again.moved, again.refused, again.same) == ([], {}, {}, 4)
    (data / "red.txt").write_text("another text")
    items.contents.forget()
    fresh = items.listing.entries(slice(None))
    some = sort(fresh, items, index._table, index.about)
    assert [entry.id for entry in some.changed] == ["red.png"]
    assert some.known.keys() == {entry.id for entry in entries}
    foreign = items._replace(origin=origin_of(str(data / "sub"), None, config.data))
    refused = sort(fresh, foreign, index._table, index.about)
    assert refused.refused.keys() == {"red.png"}
    given = foreign._replace(replaces=True)
    taken = sort(fresh, given, index._table, index.about)
    assert [entry.id for entry in taken.changed] == ["red.png"]
    assert len(taken.moved) == 3
