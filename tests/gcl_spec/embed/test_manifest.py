"""A manifest is of whole folders, and each of its bytes counts."""

from pathlib import Path

import numpy as np
import pytest

from embedding import MAKER
from gcl_spec.embed.entry import Entry
from gcl_spec.embed.manifest import (
    ABSENT,
    MANIFEST,
    heads_in,
    read_manifest,
    remove_manifest,
    write_manifest,
)
from gcl_spec.embed.shards import list_path, write_shard
from gcl_spec.errors import DataError


def write(folder: Path, number: int, rows: int = 1) -> None:
    entries = [Entry("a", (("text", "x"),))]
    absent = {} if rows else {0: "unreadable"}
    write_shard(folder, number, MAKER, entries, np.ones((rows, 2), "f4"), absent, "d" * 64)


def test_a_manifest_is_read_back(tmp_path: Path) -> None:
    write(tmp_path, 0)
    with pytest.raises(DataError, match="not complete"):
        read_manifest(tmp_path)
    with pytest.raises(DataError, match=r"rows-000001\.jsonl is missing"):
        write_manifest(tmp_path, 2, MAKER, {})
    write(tmp_path, 1, rows=0)
    made = write_manifest(tmp_path, 2, MAKER, {"data": "x"})
    assert read_manifest(tmp_path) == made
    assert (made.items, made.rows, made.width) == (2, 1, 2)
    assert made.holds(1, dict(heads_in(tmp_path))[list_path(tmp_path, 1)])
    assert '"number": 5' in (tmp_path / ABSENT).read_text()
    content = (tmp_path / MANIFEST).read_bytes()
    for place in range(0, len(content), 31):
        changed = bytearray(content)
        changed[place] ^= 1
        (tmp_path / MANIFEST).write_bytes(changed)
        with pytest.raises(DataError, match="cannot read it"):
            read_manifest(tmp_path)
    (tmp_path / MANIFEST).write_bytes(content.replace(b'"width": 2', b'"width": 1e999'))
    with pytest.raises(DataError, match="cannot read it"):
        read_manifest(tmp_path)
    remove_manifest(tmp_path)
    assert not (tmp_path / ABSENT).exists()


def test_a_folder_without_a_row_is_none(tmp_path: Path) -> None:
    write(tmp_path, 0, rows=0)
    with pytest.raises(DataError, match="no item can be embedded: unreadable"):
        write_manifest(tmp_path, 1, MAKER, {})
