"""Cached frames: what is not what was written is not used, and no more is kept than may be."""

from pathlib import Path

import numpy as np
import pytest

from gcl_spec.config.options import DataConfig
from gcl_spec.data.prepare.frame_cache import FrameCache, frame_cache
from gcl_spec.errors import FileError

FRAMES = np.arange(48, dtype=np.uint8).reshape(2, 4, 2, 3)
NAME = "ab" * 32


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_frames_come_back_by_key_and_content(tmp_path: Path) -> None:
    cache = FrameCache(tmp_path, 10**6)
    assert cache.get("size 4", NAME) is None
    cache.put("size 4", NAME, FRAMES)
    found = FrameCache(tmp_path, 0).get("size 4", NAME)
    assert found is not None
    np.testing.assert_array_equal(found, FRAMES)
    assert cache.get("size 8", NAME) is None
    assert cache.get("size 4", "cd" * 32) is None
    (path,) = files(tmp_path)
    other = cache._path("size 8", NAME)
    other.parent.mkdir(parents=True)
    path.rename(other)
    assert cache.get("size 8", NAME) is None, "the key is sealed with the frames"


@pytest.mark.parametrize("place", [0, 20, -1])
def test_a_damaged_file_counts_as_missing_and_is_written_anew(tmp_path: Path, place: int) -> None:
    cache = FrameCache(tmp_path, 10**6)
    cache.put("key", NAME, FRAMES)
    (path,) = files(tmp_path)
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    for content in (bytes(data), bytes(data[:30]), b""):
        path.write_bytes(content)
        assert cache.get("key", NAME) is None
    cache.put("key", NAME, FRAMES)
    assert cache.get("key", NAME) is not None


def test_of_too_many_frames_the_first_are_kept(tmp_path: Path) -> None:
    cache = FrameCache(tmp_path, 600)
    for n in range(9):
        cache.put("key", f"{n:064d}", FRAMES)
    kept = files(tmp_path)
    assert 1 <= len(kept) < 5
    again = FrameCache(tmp_path, 600)
    again.put("key", NAME, FRAMES)
    assert files(tmp_path) == kept, "another process counts what is there"


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    cache = FrameCache(tmp_path, 10**6)
    left = cache._path("key", NAME).with_name(f".{NAME}.frames.abcd1234.writing")
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    cache.put("key", "ab" + "00" * 31, FRAMES)
    assert not left.exists()


def test_a_folder_that_cannot_be_written_is_said_with_the_ways_out(tmp_path: Path) -> None:
    (tmp_path / "frames").write_text("a file in the folder's place")
    cache = frame_cache(DataConfig(cache=str(tmp_path)))
    assert cache is not None
    with pytest.raises(FileError, match=r"GCL_CACHE.*or no cache by data\.frame_cache=0"):
        cache.put("key", NAME, FRAMES)
    assert frame_cache(DataConfig(cache=str(tmp_path), frame_cache=0.0)) is None
