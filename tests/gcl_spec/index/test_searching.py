"""A search sees each commit, and reads the rows once for each."""

from pathlib import Path

import numpy as np
import pytest

from gcl_spec.index import exact
from gcl_spec.index.searching import Searching
from gcl_spec.index.table import Row, Table, create_table

QUERY = np.ones(2, np.float32)


def put(to: Table, name: str) -> None:
    to.put([Row(name, "text", None, None, 0, "0" * 32)], {"vector": [[1, 1]]}, replaces=True)  # type: ignore[dict-item]


def test_rows_are_read_again_after_a_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_table(tmp_path, {"vector": 2}, "float32")
    writer = Table(tmp_path, {"vector": 2}, "float32")
    searching, reads = Searching(Table(tmp_path, {"vector": 2}, "float32")), []
    norm = exact.largest_norm
    monkeypatch.setattr(exact, "largest_norm", lambda x: reads.append(len(x)) or norm(x))
    for n, name in enumerate("abc"):
        put(writer, name)
        for _ in range(3):
            hits = searching.nearest(QUERY, 9, column="vector", only=(), exact=False)
            assert [hit.id for hit in hits] == list("abc"[: n + 1])
    assert reads == [1, 2, 3]
