"""A folder of embeddings is searched, and evaluated, as it is."""

from pathlib import Path

import numpy as np
import pytest

from embedding import work
from gcl_spec.data.root import FolderRoot
from gcl_spec.errors import DataError
from gcl_spec.run.embedded import StoredItems, load_embeddings, searchable
from gcl_spec.tasks.folder import read_tasks
from gcl_spec.tasks.task import Item
from gcl_spec.train.world import single
from tiles_on_disk import write_data


def test_shards_rows_and_tasks(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data")
    (data / "3.png").unlink()
    work(data, tmp_path / "rows").run(single())
    stored = load_embeddings(tmp_path / "rows")
    shards = searchable(stored)
    assert np.concatenate([shard.ids_C for shard in shards]).tolist() == [
        *range(11), *range(12, 16),
    ]  # fmt: skip
    assert shards[-1].modality == ("image",)
    items = StoredItems(stored)
    tasks, lines = items.tasks(read_tasks(FolderRoot(data), "tasks"))
    assert len(tasks[0].candidates) == 7
    assert "(c3)" in lines[0]
    assert items.rows(tasks[0].candidates).shape == (7, 4)
    assert items.rows([]).shape == (0, 4)
    with pytest.raises(DataError, match="no row of"):
        items.rows([Item("x", "3.png")])
