"""Shards: arrays and files, their ids, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from gcl_spec.errors import DataError, InputError, InputTypeError
from gcl_spec.search.shards import Shard, kept_parts, lowest_ids, row_dtype

ROWS = np.ones((3, 2), np.float32)


def ids_of(parts) -> list[int]:
    return [n for part in parts for n in part.ids(slice(None)).tolist()]


def test_ids_go_on_through_shards(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ROWS)
    assert ids_of(kept_parts([ROWS, tmp_path / "a.npy", str(tmp_path / "a.npy")])) == [*range(9)]
    shards = [Shard(ROWS, start=10), ROWS, Shard(ROWS, ids_C=np.array([7, 2, 30])), ROWS]
    assert ids_of(kept_parts(shards)) == [10, 11, 12, 13, 14, 15, 7, 2, 30, 31, 32, 33]
    assert lowest_ids(kept_parts(shards), 4).tolist() == [2, 7, 10, 11]
    kept = kept_parts(shards, ids=np.array([30, 11, 33]))
    assert ids_of(kept) == [11, 30, 33]
    assert [kept[n].row_number(0) for n in range(3)] == [1, 2, 2]
    assert ids_of(kept_parts([Shard(ROWS[:0], ids_C=np.empty(0, int)), ROWS])) == [0, 1, 2]


def test_dtypes() -> None:
    half, wide = ROWS.astype(np.float16), ROWS.astype(float)
    assert row_dtype(kept_parts([half, ROWS])) == np.float32
    assert row_dtype(kept_parts([half, wide])) == np.float64
    for dtype in (np.int8, np.complex64, bool, np.longdouble):
        with pytest.raises(InputTypeError, match="wanted float16, bfloat16"):
            kept_parts(ROWS.astype(dtype))


@pytest.mark.parametrize(
    ("shards", "said"),
    [
        ([], "no candidate to search"),
        ([ROWS[:0]], "no candidate to search"),
        ([ROWS, np.ones((1, 5))], "rows of shard 1 are 5 wide, those of shard 0 2"),
        ([np.ones(3)], r"shard 0 has shape \(3,\)"),
        ([Shard(ROWS, start=5), Shard(ROWS, start=7)], "two candidates have the id 7"),
        ([Shard(ROWS, ids_C=np.array([1, 2, 1]))], "two candidates have the id 1"),
        ([Shard(ROWS, ids_C=np.array([1, 2]))], "shard 0 has 3 rows; its ids"),
        ([Shard(ROWS, ids_C=np.array([1.0, 2, 3]))], "its ids are float64"),
    ],
)
def test_what_is_refused(shards: list, said: str) -> None:
    with pytest.raises(InputError, match=said):
        kept_parts(shards)


def test_files_that_are_no_rows(tmp_path: Path) -> None:
    (tmp_path / "text.npy").write_text("no array")
    np.savez(tmp_path / "many.npz", a=ROWS)
    np.save(tmp_path / "cut.npy", np.ones((1000, 8)))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "cut.npy").read_bytes()[:4000])
    (tmp_path / "empty.npy").write_bytes(b"")
    for name in ("text.npy", "many.npz", "cut.npy", "empty.npy", "missing.npy"):
        with pytest.raises(DataError, match=name):
            kept_parts([tmp_path / name])
