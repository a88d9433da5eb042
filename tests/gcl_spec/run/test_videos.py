"""Rows of videos are those of their frames, weighted as CoVR does; WebVid-CoVR by a command."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fake import FakeBackend
from gcl_cli.eval import command
from gcl_spec.batch import Batch
from gcl_spec.data.prepare import video_frames
from gcl_spec.data.root import open_root
from gcl_spec.errors import DataError
from gcl_spec.progress import Quiet
from gcl_spec.run import videos
from gcl_spec.run.loaded import LoadedRun, encode_items
from gcl_spec.run.videos import VideoEncoder
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.peers.covr import pooled
from gcl_spec.train.training import run_training
from loop_config import fast
from tiles_on_disk import write_data
from videos import video_of


class Grey:
    """A model whose row of a frame is a direction by its mean level, with a text turned round."""

    seen: list[int]

    def __init__(self) -> None:
        self.seen = []

    def encode(self, batch: Batch) -> Mapping[str, np.ndarray]:
        angle = batch.inputs["image"][:, 0] / 255
        self.seen.append(len(angle))
        rows = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
        return {"image": rows, "image+text": -rows, "text": rows}


def collate(items, ids=None, /, *, bad=None, every=False) -> Batch:
    levels = np.asarray([[x.mean()] for x in items["image"]])
    present = {name: np.asarray([x is not None for x in parts]) for name, parts in items.items()}
    return Batch({"image": levels}, present, np.arange(len(levels)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a.mp4").write_bytes(video_of([10 * n for n in range(20)]))
    (tmp_path / "b.mp4").write_bytes(video_of([0, 200]))
    return tmp_path


def encoder(root: Path, scores: Mapping[str, tuple[float, ...]], size: int = 99) -> VideoEncoder:
    return VideoEncoder(Grey(), collate, open_root(root), size, scores)


def direction(*levels: float, weights: tuple[float, ...] = ()) -> np.ndarray:
    angles = np.asarray(levels) / 255
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    row = np.average(rows, axis=0, weights=weights or None)
    return row / np.linalg.norm(row)


def test_a_video_is_its_frames_and_with_a_text_its_middle_one(root: Path) -> None:
    items = [
        Item("1", video="b.mp4"),
        Item("2", text="red", video="b.mp4"),
        Item("3", video="a.mp4"),
    ]
    found = encoder(root, {}).rows(items, Quiet())
    np.testing.assert_allclose(found[0], direction(0, 200), atol=0.02)
    np.testing.assert_allclose(found[1], -direction(200), atol=0.02)
    frames = [0, 1, 3, 4, 5, 7, 8, 9, 11, 12, 13, 15, 16, 17, 19]
    assert len(frames) == 15
    np.testing.assert_allclose(found[2], direction(*[10.0 * n for n in frames]), atol=0.02)
    assert found.dtype == np.float32


def test_scores_weight_frames_where_they_are_as_many(root: Path) -> None:
    items = [Item("1", video="b.mp4")]
    e = np.exp(0.1 / 0.1)
    found = encoder(root, {"b.mp4": (0.2, 0.3)}).rows(items, Quiet())
    np.testing.assert_allclose(found[0], direction(0, 200, weights=(1.0, e)), atol=0.02)
    found = encoder(root, {"b.mp4": (0.2, 0.3, 0.9)}).rows(items, Quiet())
    np.testing.assert_allclose(found[0], direction(0, 200), atol=0.02)


def test_the_size_of_batches_changes_no_row(root: Path) -> None:
    items = [Item(str(n), video=f"{name}.mp4") for n, name in enumerate("abbab")]
    whole, small = encoder(root, {}), encoder(root, {}, size=4)
    np.testing.assert_array_equal(whole.rows(items, Quiet()), small.rows(items, Quiet()))
    assert whole.model.seen == [36]
    assert small.model.seen == [15, 4, 15, 2]


def test_videos_that_cannot_be_read_are_counted_and_named(root: Path) -> None:
    (root / "c.mp4").write_bytes(b"no video")
    items = [Item(str(n), video=f"{name}.mp4") for n, name in enumerate("acbd")]
    with pytest.raises(DataError, match=r"c\.mp4: not a readable video") as found:
        encoder(root, {}).rows(items[:3], Quiet())
    assert "cannot be decoded" not in str(found.value)
    (root / "d.mp4").write_bytes(b"none")
    some = encoder(root, {})
    with pytest.raises(DataError, match=r"c\.mp4: not .* 2 of 4 videos cannot .*d\.mp4' too"):
        some.rows(items, Quiet())
    assert some.model.seen == [], "nothing is encoded in vain"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    data = write_data(tmp_path / "tiles")
    config = fast(data, tmp_path / "cache", "train.steps=1")
    return run_training(config, FakeBackend(), tmp_path / "run").path


def test_webvid_covr_by_a_command(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weighted = []

    def noted(rows, scores, pooling):
        weighted.append((len(rows), tuple(scores)))
        return pooled(rows, scores, pooling)

    monkeypatch.setattr(videos, "pooled", noted)
    data = tmp_path / "covr"
    lines = ["pth1,pth2,edit,scores"]
    for n in range(6):
        path = data / "videos" / "1" / f"{n}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(video_of([40 * n, 40 * n + 20]))
        lines.append(f'1/{n},1/{(n + 1) % 6},make it lighter,"[0.1, 0.2]"')
    (data / "webvid8m-covr_test.csv").write_text("\n".join(lines) + "\n")
    words = [str(run), "--backend", "fake:FakeBackend", "--benchmark", "covr", "--data", str(data)]
    done = CliRunner().invoke(command, [*words, "--json", str(tmp_path / "found.json")])
    assert done.exit_code == 0, done.output + str(done.exception)
    found = json.loads((tmp_path / "found.json").read_text())
    by_column = {figure["column"]: figure for figure in found["figures"]}
    assert [*by_column] == [f"local hit@{k}" for k in (1, 5, 10, 50)]
    assert by_column["local hit@10"]["band"][1] == 1.0
    assert weighted.count((2, (0.1, 0.2))) == 6, "each candidate, by the file's scores"
    monkeypatch.setattr(video_frames, "read_frames", lambda *_: pytest.fail("decoded twice"))
    assert CliRunner().invoke(command, words).exit_code == 0, "from the cache"
    monkeypatch.undo()
    (data / "videos" / "1" / "3.mp4").write_bytes(b"broken")
    done = CliRunner().invoke(command, words)
    assert "3.mp4: not a readable video" in str(done.exception)


def test_pictures_and_videos_stand_beside_each_other(run: Path, tmp_path: Path) -> None:
    loaded = LoadedRun(*_model(run))
    data = tmp_path / "tiles"
    (data / "v.mp4").write_bytes(video_of([100, 100]))
    items = [Item("1", "3.png"), Item("2", video="v.mp4"), Item("3", text="red")]
    found = encode_items(loaded, open_root(data), items, Quiet())
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    alone = encode_items(loaded, open_root(data), items[::2], Quiet())
    np.testing.assert_array_equal(found[::2], alone)


def _model(run: Path):
    from gcl_spec.run.loaded import read_run

    config, found = read_run(run, allow_unverified=False)
    return config, found.step, FakeBackend().trainer(config, device="cpu", state=found.state)
