"""Stored rows are found by the content of items."""

from pathlib import Path

import numpy as np
import pytest

from embedding import work
from gcl_spec.embed.stored import Embeddings
from gcl_spec.errors import DataError
from gcl_spec.run.embedded import StoredItems
from gcl_spec.tasks.item import Item
from gcl_spec.train.world import single
from tiles_on_disk import write_data


def test_rows_by_content(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data")
    (data / "3.png").unlink()
    made = work(data, tmp_path / "rows")
    made.run(single())
    stored = Embeddings.open(tmp_path / "rows")
    entries = made.listing.entries(slice(0, 16))
    contents = [entry.content for entry in entries if entry.id != "c3"]
    rows = np.concatenate([np.load(shard.rows) for shard in stored.shards()])
    places = stored.places(contents[::-1])
    np.testing.assert_array_equal(stored.read(places), rows[::-1])
    lost, unknown = entries[11].content, (("text", "?"),)
    assert stored.has_rows(stored.places([contents[0], lost, unknown])).tolist() == [1, 0, -1]
    assert [line.id for line in stored.absent()] == ["c3"]
    for content in (lost, unknown):
        with pytest.raises(DataError, match="has no row of"):
            StoredItems(stored).rows([Item("x", **dict(content))])
    (tmp_path / "rows" / "rows-000002.jsonl").unlink()
    with pytest.raises(DataError, match="run the same `gcl embed` again"):
        list(Embeddings.open(tmp_path / "rows").shards())
