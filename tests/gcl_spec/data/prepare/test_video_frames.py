"""Pictures of videos: the right frames, decoded once."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forks import ended_in_fork
from gcl_spec.config.toml import load
from gcl_spec.data.prepare import video_frames
from gcl_spec.data.prepare.collate import Collator
from gcl_spec.data.prepare.frame_cache import FrameCache
from gcl_spec.data.prepare.frames import read_frames
from gcl_spec.data.prepare.pictures import load_image
from gcl_spec.data.prepare.recipes import preprocessing_of
from gcl_spec.data.prepare.video_frames import VideoFrames
from gcl_spec.data.root import FolderRoot
from gcl_spec.errors import DataError, InputError
from video_files import FRAMES, small
from videos import sound, video_of

VIDEO = video_of([20 * n for n in range(8)])


class Small:
    key = "small"

    def pixels(self, image: Any, where: str, /) -> Any:
        return load_image(image, size=8, where=where)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the videos that were decoded."""
    names: list[str] = []

    def noted(content: bytes, choose: Any, where: str) -> Any:
        names.append(where)
        return read_frames(content, choose, where)

    monkeypatch.setattr(video_frames, "read_frames", noted)
    return names


def levels(frames: Any) -> list[float]:
    return [float(frame[4, 4].mean()) for frame in frames]


def test_frames_of_even_stretches_and_the_middle_one(tmp_path: Path, decoded: list[str]) -> None:
    made = VideoFrames(Small(), 3, FrameCache(tmp_path, 10**6))
    for _ in range(2):
        frames = made.spread(VIDEO, "a.mp4")
        assert frames.shape == (3, 8, 8, 3)
        assert levels(frames) == pytest.approx([0, 60, 120], abs=9)
        assert made.middle(VIDEO, "a.mp4")[4, 4].mean() == pytest.approx(80, abs=9)
    assert decoded == ["a.mp4", "a.mp4"], "each rule once"
    VideoFrames(Small(), 4, FrameCache(tmp_path, 10**6)).spread(VIDEO, "b.mp4")
    VideoFrames(Small(), 3).spread(VIDEO, "c.mp4")
    assert decoded[2:] == ["b.mp4", "c.mp4"], "other frames, and no cache"
    short = made.spread(video_of([0, 200]), "d.mp4")
    assert levels(short) == pytest.approx([0, 200, 0], abs=9)


@pytest.fixture(params=[1, 3])
def collate(tmp_path: Path, request: pytest.FixtureRequest) -> Collator:
    (tmp_path / "data").mkdir()
    for name, content in {"a.mp4": VIDEO, "bad.mp4": b"none", "sound.mp4": sound()}.items():
        (tmp_path / "data" / name).write_bytes(content)
    config = small(tmp_path / "data", modalities=("image", "video", "text"))
    return Collator(config, FolderRoot(tmp_path / "data"), threads=request.param)


def test_a_batch_of_videos(collate: Collator) -> None:
    items = {"video": ["a.mp4", None, "a.mp4"], "text": ["a", "b", None]}
    batch = collate(items)
    pixels = batch.inputs["video/pixel_values"]
    assert pixels.shape == (3, FRAMES, 3, 32, 32)
    assert pixels.dtype == np.float32
    np.testing.assert_array_equal(pixels[0], pixels[2])
    assert not pixels[1].any()
    assert batch.present["video"].tolist() == [True, False, True]
    assert "video/pixel_values" not in collate({"video": [None], "text": ["a"]}).inputs
    assert collate({"video": [None]}, every=True).inputs["video/pixel_values"].shape[1] == FRAMES
    content = collate({"video": [VIDEO]}).inputs["video/pixel_values"]
    np.testing.assert_array_equal(content[0], pixels[0])
    with pytest.raises(InputError, match="video is a ndarray; wanted a path"):
        collate({"video": [np.zeros((2, 8, 8, 3), np.uint8)]})


# The child calls nothing of another library, whose threads it would lack.
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")
def test_a_forked_process_decodes_too(collate: Collator) -> None:
    before = collate({"video": ["a.mp4"]}).inputs["video/pixel_values"]
    for path in Path(collate._root.name).parent.rglob("*.frames"):  # type: ignore[union-attr]
        path.unlink()

    def again() -> None:
        found = collate({"video": ["a.mp4"] * 9}).inputs["video/pixel_values"]
        assert np.array_equal(found[8], before[0])

    assert ended_in_fork(again) == 0


def test_a_picture_of_a_videos_name_is_its_middle_frame(collate: Collator) -> None:
    batch = collate({"image": ["a.mp4"], "video": ["a.mp4"]})
    picture = batch.inputs["image/pixel_values"][0]
    assert picture.shape == (3, 32, 32)
    spread = batch.inputs["video/pixel_values"][0]
    middle = float(picture.mean())
    assert float(spread[1].mean()) < middle < float(spread[3].mean())


def test_a_bad_video_takes_its_sample_with_it(collate: Collator) -> None:
    with pytest.raises(DataError, match=r"data: bad\.mp4: not a readable video"):
        collate({"video": ["bad.mp4"], "text": ["a"]})
    bad: dict[str, str] = {}
    names = ["bad.mp4", "a.mp4", "gone.mp4", "sound.mp4"]
    batch = collate({"video": names, "text": ["a", "b", "c", "d"]}, bad=bad)
    assert {*bad} == {"bad.mp4", "gone.mp4", "sound.mp4"}
    assert "without video" in bad["sound.mp4"]
    assert all(flags.tolist() == [False, True, False, False] for flags in batch.present.values())


@pytest.mark.parametrize("recipe", ["tiny", "lite"])
def test_a_frame_that_is_ready_is_ready_for_the_model_too(tmp_path: Path, recipe: str) -> None:
    """A model of pictures gets its frames as pictures of its size, which stay as they are."""
    config = load(recipe=recipe, overrides=[f"data.cache={tmp_path}"])
    pictures = preprocessing_of(config)
    frame = np.random.default_rng(0).integers(0, 256, (47, 90, 3), np.uint8)
    pixels = pictures.pixels(frame, "x")
    np.testing.assert_array_equal(pictures.pixels(pixels, "x"), pixels)
    np.testing.assert_array_equal(pictures.values(pixels), pictures.image(frame, "x"))
