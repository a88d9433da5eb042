"""Frames of videos: the right ones, of whole and of broken files."""

import sys
from typing import Any

import av
import numpy as np
import pytest

from gcl_spec.data.prepare import frames
from gcl_spec.data.prepare.frames import read_frames
from gcl_spec.errors import DataError, MissingFrameworkError
from videos import sound, turned, video_of

LEVELS = [8 * n for n in range(30)]


@pytest.mark.parametrize("format", ["mp4", "matroska", "avi"])
def test_the_chosen_frames_and_no_others(format: str) -> None:
    asked = []

    def choose(count: int) -> list[int]:
        asked.append(count)
        return [0, 7, 7, 29]

    found = read_frames(video_of(LEVELS, format=format), choose, "x.mp4")
    assert asked == [30]
    assert [x.shape for x in found] == [(32, 48, 3)] * 4
    assert found[0].dtype == np.uint8
    assert [float(x.mean()) for x in found] == pytest.approx([0, 56, 56, 232], abs=9)


def test_one_thread_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several would share frames, or parts of them, which may hang beside those of PyTorch."""
    content, files, threads = video_of(LEVELS[:3]), list[Any](), list[int]()
    opened, upright = av.open, frames._upright

    def noted(*args: Any) -> Any:
        files.append(opened(*args))
        return files[-1]

    def seen(frame: Any) -> Any:
        threads.append(files[-1].streams.video[0].codec_context.thread_count)
        return upright(frame)

    monkeypatch.setattr(av, "open", noted)
    monkeypatch.setattr(frames, "_upright", seen)
    read_frames(content, lambda count: [0, count - 1], "x.mp4")
    assert threads == [1, 1]


def test_of_a_file_that_was_cut_what_is_left_counts() -> None:
    whole = video_of(LEVELS, format="matroska")
    asked = []

    def choose(count: int) -> list[int]:
        asked.append(count)
        return [0, count - 1]

    found = read_frames(whole[: len(whole) * 3 // 4], choose, "x.mkv")
    assert len(found) == 2
    assert 2 < asked[-1] < 30
    last = LEVELS[asked[-1] - 1]
    assert found[1].mean() == pytest.approx(last, abs=9)


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_frames_are_turned_as_a_player_turns_them(quarters: int) -> None:
    """What is held upright came as lying: https://github.com/dmlc/decord/issues/24."""
    picture = np.zeros((32, 48, 3), np.uint8)
    picture[:16, :16] = 255
    (found,) = read_frames(turned(video_of([picture] * 3), quarters), lambda count: [1], "x")
    assert found.shape == ((48, 32, 3) if quarters % 2 else (32, 48, 3))
    assert found.flags.c_contiguous
    corners = found[:8, :8], found[:8, -8:], found[-8:, -8:], found[-8:, :8]
    assert [x.mean() > 128 for x in corners] == [n == quarters for n in range(4)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a readable video"),
        (b"junk" * 99, "not a readable video"),
        (video_of(LEVELS)[:900], "not a readable video"),
        (sound(), "without video"),
        (video_of([]), "not a readable video"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "video"),
    ],
)
def test_what_is_no_video_is_one_line(content: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=f"^tiles: a/b.mp4: .*{reason}") as found:
        read_frames(content, lambda count: [0], "tiles: a/b.mp4")
    assert len(str(found.value).splitlines()) == 1
    assert str(found.value).count("a/b.mp4") == 1


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "_MOST_FRAMES", 20)
    with pytest.raises(DataError, match="more than 20 frames; cut it"):
        read_frames(video_of(LEVELS), lambda count: [0], "x")
    monkeypatch.setattr(frames, "_MOST_PIXELS", 1000)
    with pytest.raises(DataError, match="frames of 48 x 32; at most 1,000 pixels"):
        read_frames(video_of(LEVELS), lambda count: [0], "x")


def test_without_pyav(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingFrameworkError, match=r"pip install 'gcl-spec\[video\]'"):
        read_frames(b"", lambda count: [0], "x")
