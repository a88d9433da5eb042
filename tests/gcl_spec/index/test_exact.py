"""Rows in memory and rows that are streamed give the same hits."""

from pathlib import Path

import numpy as np

from gcl_spec.index.exact import HeldRows, stream
from gcl_spec.index.table import Row, Table, create_table


def table(folder: Path) -> Table:
    create_table(folder, {"vector": 3}, "float16")
    made, rng = Table(folder, {"vector": 3}, "float16"), np.random.default_rng(0)
    for part in range(3):  # a batch each
        rows = rng.integers(-1, 2, (20, 3)).astype(np.float16)
        names = [f"{9 - n % 10}/{part}/{n}" for n in range(20)]
        kinds = ["text" if n % 3 else "image" for n in range(20)]
        found = [
            Row(x, k, "t" * 2000, None, 0, "0" * 32) for x, k in zip(names, kinds, strict=True)
        ]
        made.put(found, {"vector": rows}, replaces=False)
    return made


def test_they_are_the_same(tmp_path: Path) -> None:
    made = table(tmp_path)
    held = HeldRows.load(made, "vector")
    query = np.asarray([1, 0.5, 0.25], np.float32)
    for only in ((), ("text",), ("image", "text"), ("image+text",)):
        whole = held.search(query, 99, only)
        assert len(whole) == made.count(only)
        assert whole == sorted(whole, key=lambda x: (-x.score, x.id))
        for k in (1, 4, 99):
            assert stream(made, "vector", query, k, only) == whole[:k]
    assert {len(x.text or "") for x in held.search(query, 9, ())} == {1000}


def test_a_table_without_rows_finds_nothing(tmp_path: Path) -> None:
    create_table(tmp_path, {"vector": 3}, "float32")
    made, query = Table(tmp_path, {"vector": 3}, "float32"), np.ones(3, np.float32)
    assert HeldRows.load(made, "vector").search(query, 3, ()) == []
    assert stream(made, "vector", query, 3, ()) == []
