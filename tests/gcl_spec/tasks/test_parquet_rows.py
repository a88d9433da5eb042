"""Rows of parquet files under a root."""

import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gcl_spec.data.root import open_root
from gcl_spec.errors import DataError
from gcl_spec.tasks.parquet_rows import parquet_rows, parquet_table, shards


def test_shards_of_a_table_are_its_rows_in_order(tmp_path: Path) -> None:
    for number in range(2):
        table = pa.table({"a": [number], "b": [["x"]]})
        pq.write_table(table, tmp_path / f"s-{number:05d}-of-00002.parquet")
    root = open_root(tmp_path)
    paths = shards(root, ["none", "s"])
    rows = list(parquet_rows(parquet_table(root, paths, ["a", "b"]), ["b", "a"]))
    assert [cells for _, cells in rows] == [[["x"], 0], [["x"], 1]]
    assert rows[1][0] == f"{tmp_path}/{paths[1]} row 0"
    assert shards(root, ["none"]) == []


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "s.parquet")
    with pytest.raises(DataError, match=r"s\.parquet: wanted a column 'b'; there are 'a'"):
        parquet_table(open_root(tmp_path), ["s.parquet"], ["b"])
    with pytest.raises(DataError, match=r"'t\.parquet'"):
        parquet_table(open_root(tmp_path), ["t.parquet"], ["a"])
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.write(tmp_path / "s.parquet", "s.parquet")
    with pytest.raises(DataError, match="in an archive are not read; unpack it"):
        parquet_table(open_root(tmp_path / "z.zip"), ["s.parquet"], ["a"])
