"""Chunks: rows of several shards and dtypes, scaled, and refused where they are no numbers."""

from pathlib import Path

import numpy as np
import pytest

from gcl_spec.errors import InputError
from gcl_spec.search.chunks import chunks
from gcl_spec.search.shards import Shard, kept_parts


def test_chunks_go_through_all_shards() -> None:
    rows = np.random.default_rng(0).standard_normal((23, 3)).astype(np.float32)
    parts = kept_parts([rows[:4], rows[4:5], rows[5:20], rows[20:]], ids=np.arange(0, 23, 2))
    found = [(c.rows_CD.copy(), c.ids_C.copy()) for c in chunks(parts, 2, 5)]
    assert [len(ids) for _, ids in found] == [2, 2, 4, 4]
    assert np.concatenate([ids for _, ids in found]).tolist() == list(range(0, 23, 2))
    assert np.array_equal(np.concatenate([x for x, _ in found]), rows[::2])


def test_rows_that_lie_together_are_not_copied(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).standard_normal((40, 3)).astype(np.float32)
    np.save(tmp_path / "a.npy", rows[:21])
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    found = []
    for chunk in chunks(kept_parts([mapped, rows[21:]]), 2, 8):
        within = [np.shares_memory(chunk.rows_CD, x) for x in (mapped, rows)]
        found.append((len(chunk.ids_C), *within))
        assert np.array_equal(chunk.rows_CD, rows[chunk.ids_C])
        assert chunk.scaled_CD is chunk.rows_CD
    assert found == [
        (2, True, False),
        (2, True, False),
        (4, True, False),
        (8, True, False),
        (8, False, False),  # of both
        (8, False, True),
        (8, False, True),
    ]
    for other in (rows.astype(np.float64), rows.astype(">f4"), np.asfortranarray(rows)):
        for chunk in chunks(kept_parts(other), 40, 40):
            assert np.array_equal(chunk.rows_CD, rows)
            assert not np.shares_memory(chunk.rows_CD, other)


@pytest.mark.parametrize("size", [1.0, 1e-40, 1e30, 0.0])
def test_scaled_rows_and_their_norm(size: float) -> None:
    rows = (np.random.default_rng(0).standard_normal((5, 8)) * size).astype(np.float32)
    (chunk,) = chunks(kept_parts(rows), 5, 5)
    true = np.ldexp(rows.astype(float), -chunk.exponent)
    assert np.array_equal(chunk.scaled_CD, true)
    norm = np.linalg.norm(true, axis=1).max()
    assert norm <= chunk.norm <= 1.0001 * norm
    assert size == 1 or size == 0 or 0.5 <= abs(true).max() < 1


def test_a_bad_row_is_named(tmp_path: Path) -> None:
    rows = np.ones((10, 2), np.float32)
    for value in (np.nan, np.inf, -np.inf):
        rows[7, 1] = value
        np.save(tmp_path / "b.npy", rows)
        shards = [np.ones((3, 2), np.float32), tmp_path / "b.npy"]
        with pytest.raises(InputError, match=r"b\.npy, row 7: .*NaN"):
            list(chunks(kept_parts(shards), 4, 4))
        with pytest.raises(InputError, match=r"b\.npy, row 7: "):
            list(chunks(kept_parts(shards, ids=np.array([0, 8, 10, 12])), 4, 4))
        assert list(chunks(kept_parts(shards, ids=np.array([0, 8, 9])), 4, 4))
    with pytest.raises(InputError, match=r"shard 0, row 1: .*2\^500"):
        list(chunks(kept_parts(np.array([[1.0], [1e200]])), 2, 2))
    assert list(chunks(kept_parts(np.array([[1e38, 1e38]], np.float32)), 2, 2))


def test_a_mapped_file_keeps_what_was_written_to_its_copy(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.ones((50, 4), np.float32))
    private = np.load(tmp_path / "rows.npy", mmap_mode="c")
    private[3] = 5
    view = private[2:]
    (chunk,) = chunks(kept_parts(Shard(view)), 50, 50)
    assert chunk.rows_CD[1].tolist() == [5.0] * 4
    assert private[3].tolist() == [5.0] * 4
    written = np.load(tmp_path / "rows.npy", mmap_mode="r+")
    written[4] = 6
    list(chunks(kept_parts(written), 50, 50))
    assert written[4].tolist() == [6.0] * 4
