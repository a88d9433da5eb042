"""A parquet file is held to what its pages say, before they are unpacked."""

import os
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gcl_spec.data.formats import parquet_pages, parquet_table
from gcl_spec.data.formats.parquet_pages import check_rows, pages_of
from gcl_spec.data.formats.parquet_table import ParquetTable
from gcl_spec.errors import DataError

MB = 2**20


def write(path: Path, values: Any, **options: Any) -> Path:
    pq.write_table(pa.table({"a": values}), path, **options)
    return path


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zstd"},
        {"data_page_version": "2.0", "data_page_size": 1000},
        {"use_dictionary": False, "column_encoding": {"a": "DELTA_BYTE_ARRAY"}},
        {"use_dictionary": False, "column_encoding": {"a": "DELTA_LENGTH_BYTE_ARRAY"}},
        {"use_dictionary": False, "write_statistics": False, "compression": "none"},
        {"row_group_size": 7, "write_page_index": True, "write_page_checksum": True},
    ],
)
@pytest.mark.parametrize("memory", [MB, 1000])
def test_all_values_are_read(
    tmp_path: Path, options: dict[str, Any], memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_table, "MEMORY", memory)
    values = [None if n % 9 == 5 else f"caption {n % 40}" * (n % 5) for n in range(300)]
    table = ParquetTable([write(tmp_path / "a.parquet", values, **options)])
    assert [table.value(n, "a") for n in range(300)] == values
    assert table.read_all(["a"]).column("a").to_pylist() == values


def test_sizes_of_pages(tmp_path: Path) -> None:
    values = [bytes([n]) * 1000 for n in range(50)]
    path = write(tmp_path / "a.parquet", values, use_dictionary=False, compression="zstd")
    metadata = pq.ParquetFile(path).metadata
    chunk = metadata.row_group(0).column(0)
    found = pages_of(path, [chunk])
    assert found.longest == 50 * 1004 + 6  # with the bits that say which are there
    assert not found.expands
    path = write(tmp_path / "b.parquet", values * 50)
    assert pages_of(path, [pq.ParquetFile(path).metadata.row_group(0).column(0)]).expands


@pytest.mark.parametrize(
    "values",
    [
        lambda: [bytes(40 * MB)],
        lambda: [bytes(3 * MB)] * 13,
        lambda: pa.array([np.zeros(5 * MB)]),
        lambda: pa.DictionaryArray.from_arrays(
            pa.array(np.zeros(1000, "i4")), pa.array([os.urandom(MB)], pa.binary())
        ),
    ],
    ids=["a cell", "cells", "a list", "a dictionary"],
)
def test_what_unpacks_to_far_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: Callable[[], Any]
) -> None:
    """The bound is an eighth of the true one, which would take a gigabyte."""
    monkeypatch.setattr(parquet_pages, "_SMALL", parquet_pages._SMALL // 8)
    monkeypatch.setattr(parquet_table, "MEMORY", parquet_table.MEMORY // 8)
    options = {"compression": "zstd", "write_statistics": False}  # which take much time
    table = ParquetTable([write(tmp_path / "a.parquet", values(), **options)])
    with pytest.raises(DataError, match=r"a\.parquet row 0: cannot read 'a': it unpacks"):
        table.value(0, "a")
    with pytest.raises(DataError, match=r"a\.parquet: cannot read \['a'\]: it unpacks"):
        table.read_all(["a"])


def test_pages_that_lie(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", [b"abc"] * 9, use_dictionary=False)
    good = path.read_bytes()
    for at in range(4, 60):
        for value in (0x00, 0x7F, 0x80, 0xFF):
            path.write_bytes(good[:at] + struct.pack("B", value) * 3 + good[at + 3 :])
            with suppress(DataError):  # nothing else, and no crash
                assert len(ParquetTable([path]).value(0, "a") or b"") < 2**20


def test_rows_that_no_file_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_rows(10_000_000, 100)
    check_rows(10**9, 10**8)
    for rows, size in ((10**9, 10**6), (2**62, 10**9), (-1, 100)):
        with pytest.raises(ValueError, match="it claims"):
            check_rows(rows, size)
    monkeypatch.setattr(parquet_pages, "_FEW_ROWS", 10)
    path = write(tmp_path / "a.parquet", pa.nulls(1_000_000))
    with pytest.raises(DataError, match=r"it claims 1,000,000 rows"):
        ParquetTable([path])
