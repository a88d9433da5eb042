"""Parquet files as training data."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gcl_spec.data.formats import parquet, parquet_table
from gcl_spec.errors import DataError
from kinds import png, source


def test_few_row_groups_are_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    big = [bytes([n]) * 10_000 for n in range(40)]
    table = pa.table({"image": pa.array(big, pa.binary()), "caption": [str(n) for n in range(40)]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=4, compression="none")
    monkeypatch.setattr(parquet, "MEMORY", 100_000)
    monkeypatch.setattr(parquet_table, "MEMORY", 100_000)
    found = source(tmp_path)
    for n in np.random.default_rng(0).integers(40, size=200):
        assert found.read_bytes(str(n)) == big[n]
        kept = found._table._cache
        assert sum(x.nbytes for (_, name), x in kept.items() if name == "image") <= 100_000
    monkeypatch.setattr(parquet, "_LARGE", 30_000)
    (warning,) = source(tmp_path).warnings
    assert "row_group_size=256" in warning


def test_an_empty_cell_is_no_picture_whatever_its_neighbours(tmp_path: Path) -> None:
    image = png(1)
    for kind, cells in {
        "bytes": pa.array([image, b"", image, b"", None], pa.binary()),
        "path": pa.array(["a.png", "", "a.png", "", None]),
        "struct": pa.array([{"bytes": image, "path": None}, {"bytes": b"", "path": ""},
                            {"bytes": b"", "path": "a.png"}, {"bytes": None, "path": ""}, None]),
    }.items():  # fmt: skip
        table = pa.table({"image": cells, "caption": ["x"] * 5})
        pq.write_table(table, tmp_path / f"{kind}.parquet", row_group_size=3)
        found = source(tmp_path, f"{kind}.parquet")
        shown = [found.sample(n).image is not None for n in range(5)]
        assert shown == [True, False, True, False, False], kind


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([b"x"]), pa.array(["a"]), pa.array(["b"])],
                                 names=["image", "caption", "caption"])  # fmt: skip
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError, match="2 columns are named 'caption'"):
        source(tmp_path)
