"""Tables of many parquet files."""

import os
import resource
from pathlib import Path

import pyarrow as pa
import pytest

from gcl_spec.errors import DataError
from kinds import ROWS, png, rows, source
from parquet_files import write


def test_more_files_than_may_be_open(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count, used = 150, len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for n in range(count):
        write(
            tmp_path / "d" / f"{n:03}.parquet",
            [(str(n), png(n), f"text {n}")],
            id=pa.string(),
            image=pa.binary(),
            caption=pa.string(),
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 100, hard))
    try:
        found = source(tmp_path / "d")
        assert rows(found) == [(str(n), png(n), f"text {n}") for n in range(count)]
        assert found.sample(0).id == "0"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_file_that_changes_while_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gcl_spec.data.formats import parquet_table

    monkeypatch.setattr(parquet_table, "_OPEN", 1)
    monkeypatch.setattr(parquet_table, "MEMORY", 0)
    kinds = {"id": pa.string(), "image": pa.binary(), "caption": pa.string()}
    for n in range(2):
        write(tmp_path / "d" / f"{n}.parquet", ROWS[:2], **kinds)
    found = source(tmp_path / "d")
    assert found.sample(0).id == "a"  # file 0 is open, file 1 is not
    write(tmp_path / "d" / "1.parquet", ROWS, **kinds)
    with pytest.raises(DataError, match="has changed since it was opened"):
        found.sample(2)


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    name = os.fsdecode(b"d\xe9j\xe0")
    write(tmp_path / name / f"{name}.parquet", ROWS, id=pa.string(), image=pa.binary(),
          caption=pa.string())  # fmt: skip
    assert rows(source(tmp_path / name)) == ROWS
    assert rows(source(tmp_path / name, f"{name}.parquet")) == ROWS
