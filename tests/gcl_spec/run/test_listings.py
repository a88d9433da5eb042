"""What is listed, in which order."""

from pathlib import Path

from gcl_spec.data.formats.folder import JsonlSource
from gcl_spec.data.root import FolderRoot
from gcl_spec.embed.entry import Entry
from gcl_spec.run.listings import SampleListing, TaskListing
from gcl_spec.tasks.item_table import ItemStore
from gcl_spec.tasks.task import Item, Task
from tiles_on_disk import write_data


def test_an_item_of_several_pools_stands_once() -> None:
    store = ItemStore()
    for n in range(3):
        store.add(str(n), f"f:{n}", text=f"t{n}", image="" if n else "p")
    pool, query = store.since(0), Item("q", text="t1")
    first = Task("a", [query], pool, {"q": frozenset("1")}, union=pool)
    second = Task("b", [query], [Item("1", text="t1"), Item("1 ", text="t1")], {"q": {"1"}})  # type: ignore[dict-item]
    listing = TaskListing([first, second])
    assert len(listing) == 5
    assert [entry.id for entry in listing.entries(slice(0, 5))] == ["q", "0", "1", "2", "1 "]
    assert listing.entries(slice(1, 2)) == [Entry("0", (("image", "p"), ("text", "t0")))]


def test_samples_have_their_first_caption_and_malformed_ones_a_reason(tmp_path: Path) -> None:
    root = FolderRoot(write_data(tmp_path / "data"))
    with (tmp_path / "data" / "train.jsonl").open("a") as file:
        file.write('{"id": "odd"}\n')
    source = JsonlSource(root, "train.jsonl", root)
    listing = SampleListing(source)
    found = listing.entries(slice(23, 25))
    assert found[0].content == (("image", "23.png"), ("text", "a grey tile 23"))
    assert found[0].modality == "image+text"
    assert found[1].id == "odd"
    assert "neither image nor captions" in found[1].why
