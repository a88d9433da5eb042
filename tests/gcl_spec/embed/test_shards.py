"""Equal shards are equal bytes, and each byte counts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from embedding import MAKER
from gcl_spec.embed.entry import Entry
from gcl_spec.embed.shards import (
    Head,
    head_of,
    lines_fit,
    lines_of,
    list_path,
    number_of,
    rows_fit,
    rows_path,
    write_shard,
)
from gcl_spec.errors import DataError

ENTRIES = [Entry("a", (("text", "x"),)), Entry("b\n", (("image", "y"),)), Entry("c", ())]


def write(folder: Path, dtype: str = "float32") -> Head:
    rows, maker = np.eye(2, 3, dtype=np.float32), replace(MAKER, dtype=dtype)
    return write_shard(folder, 3, maker, ENTRIES, rows, {1: "unreadable"}, "d" * 64)


def test_a_shard_is_read_back(tmp_path: Path) -> None:
    head = write(tmp_path, "float16")
    path = list_path(tmp_path, 3)
    assert head_of(path) == head
    assert (head.first, head.items, head.rows, head.width) == (15, 3, 2, 3)
    assert [(line.id, line.absent) for line in lines_of(path, head)] == [
        ("a", ""), ("b\n", "unreadable"), ("c", ""),
    ]  # fmt: skip
    assert np.load(rows_path(tmp_path, 3)).dtype == np.float16
    assert rows_fit(rows_path(tmp_path, 3), head)
    assert number_of(path) == number_of(rows_path(tmp_path, 3)) == 3
    assert head_of(list_path(tmp_path, 4)) is None
    assert not rows_fit(rows_path(tmp_path, 4), head)


def test_each_byte_counts(tmp_path: Path) -> None:
    head = write(tmp_path)
    path = list_path(tmp_path, 3)
    content = path.read_bytes()
    for place in range(0, len(content), 7):
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(changed)
        with pytest.raises(DataError, match="computes the shard again"):
            lines_of(path, head_of(path) or head)
    path.write_bytes(content[:-1])
    assert not lines_fit(path, head)
    rows_path(tmp_path, 3).write_bytes(b"")
    assert not rows_fit(rows_path(tmp_path, 3), head)
    write(tmp_path)
    assert path.read_bytes() == content
