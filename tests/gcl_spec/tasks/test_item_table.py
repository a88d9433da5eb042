"""Items in arrays."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gcl_spec.errors import DataError
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.item_table import ItemStore, joined

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
ITEMS = st.lists(st.builds(Item, TEXT, text=TEXT | st.none(), video=TEXT | st.none()), max_size=9)


def store_of(*items: Item, file: str = "pool.jsonl") -> ItemStore:
    store = ItemStore()
    for line, item in enumerate(items, 1):
        store.add(item.id, f"{file}:{line}", f"tag {line}", **dict(item.content))
    return store


@settings(max_examples=25)
@given(ITEMS)
def test_items_come_back_as_they_were(items: list[Item]) -> None:
    table = store_of(*items).since(0)
    kept = [Item(i.id, **{name: part or None for name, part in i.content}) for i in items]
    assert table == kept
    assert list(table.ids()) == [item.id for item in items]
    assert table[1:] == kept[1:]
    ids = [item.id for item in items]
    assert [table.find(id) for id in ids] == [ids.index(id) for id in ids]
    assert table.find("not there") is None
    assert table.modalities() == {item.modality for item in kept}
    assert all(table.holds(n, item.id, dict(item.content)) for n, item in enumerate(kept))


def test_places_and_tags() -> None:
    store = store_of(Item("a", "a.png"), Item("b", text="b"))
    store.add("c", "2.parquet row 7", "tag 1", image="c.png", text="c")
    table = store.since(0)
    assert [table.place(n) for n in range(3)] == ["pool.jsonl:1", "pool.jsonl:2", "2.parquet row 7"]
    assert [table.tag(n) for n in range(3)] == ["tag 1", "tag 2", "tag 1"]
    assert table[-1] == Item("c", "c.png", "c")
    assert store.since(2) == [table[2]]
    assert repr(table) == "<3 items>"
    assert table != "abc"


def test_an_id_twice_is_one_item_or_an_error() -> None:
    a, b = Item("a", text="x"), Item("b", text="x")
    table, twins = store_of(a, b, a, a).since(0).without_twins()
    assert table == [a, b]
    assert twins == 2
    with pytest.raises(DataError, match=r"pool\.jsonl:3: id 'a' stands at pool\.jsonl:1 too"):
        store_of(a, b, Item("a", text="y")).since(0).without_twins()


def test_tables_of_one_store_are_joined_and_others_are_not() -> None:
    store = store_of(Item("a", text="x"), Item("b", text="x"), Item("c", text="x"))
    whole = store.since(0)
    assert joined([whole[2:], whole[:2], whole[1:]]) == [whole[2], whole[0], whole[1]]
    assert joined([whole, store_of(Item("d", text="x")).since(0)]) is None
    assert joined([]) is None


def test_ids_of_one_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gcl_spec.tasks.item_table._hash", len)
    a, b = Item("a", text="x"), Item("b", text="y")
    table, twins = store_of(a, b, a).since(0).without_twins()
    assert (table.find("b"), table.find("c"), twins) == (1, None, 1)
