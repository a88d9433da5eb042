"""Runs on WebVid-CoVR, from the published layout to its evaluation and embeddings."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from gcl_cli.main import cli
from gcl_spec import load_run
from gcl_spec.batch import Batch
from gcl_spec.data.root import open_root
from gcl_spec.errors import DataError, InputError
from gcl_spec.objective import preset
from gcl_spec.progress import Quiet
from gcl_spec.registry import load_training
from gcl_spec.run.embedded import load_embeddings
from gcl_spec.run.loaded import encode_items
from gcl_spec.tasks.item import Item
from gcl_spec.train.data import TrainingData
from gcl_spec.train.training import run_training
from gcl_torch.train.trainer import TorchTrainer
from video_files import FRAMES, VIDEOS, small, write_covr

FRAME = ("image", "text", "video", "image+text")
"""The query is the middle frame with a text, as in CoVR itself."""


def covr(tmp_path: Path, *sets: str, modalities: tuple[str, ...] = VIDEOS) -> Any:
    train = tmp_path / "covr" / "webvid2m-covr_train.csv"
    train = train if train.exists() else write_covr(tmp_path / "covr")
    more = ["objective.preset=triplets", f"data.cache={tmp_path / 'cache'}", *sets]
    return small(train, *more, modalities=modalities)


def batch_of(config: Any) -> Batch:
    with TrainingData(config, TorchTrainer(config, device="cpu"), Quiet(), only_steps=1) as data:
        return data.batch(0)


def test_the_directions_of_triplets_follow_the_modalities() -> None:
    found = {names: [*map(str, preset("triplets", names).directions)] for names in (VIDEOS, FRAME)}
    assert found[VIDEOS] == ["video+text->video"]
    assert found[FRAME] == ["image+text->image", "text->image+text", "image+text->video"]
    usual = ("image", "text", "image+text")
    assert preset("triplets", usual) == preset("triplets")


def test_a_query_is_a_video_or_its_middle_frame(tmp_path: Path) -> None:
    whole, frame = (batch_of(covr(tmp_path, modalities=names)) for names in (VIDEOS, FRAME))
    assert whole.two_sided
    assert whole.inputs["video/pixel_values"].shape == (12, FRAMES, 3, 32, 32)
    assert whole.present["video"].all()
    assert whole.present["text"].tolist() == [True, False] * 6
    assert frame.present["image"].tolist() == [True, False] * 6
    assert frame.present["video"].tolist() == [False, True] * 6, "no query's frames are read"
    assert len({*whole.ids.tolist()}) == 6


def test_a_broken_video_takes_its_own_row_alone(tmp_path: Path) -> None:
    config = covr(tmp_path, "data.max_bad=0.5")
    (tmp_path / "covr" / "videos" / "3.mp4").write_bytes(b"broken")
    batch = batch_of(config)
    assert batch.present["video"].sum() == 10
    one = TorchTrainer(config, device="cpu")
    with TrainingData(config, one, Quiet(), only_steps=1) as data:
        data.list_bad(tmp_path / "bad.jsonl")
        assert np.isfinite(float(one.step(data.batch(0), lr=1e-3)["loss"]))
    lines = (tmp_path / "bad.jsonl").read_text().splitlines()
    assert len(lines) == 2, "the rows in which it is asked about, and searched"
    assert all("3.mp4: not a readable video" in line for line in lines)
    strict = covr(tmp_path)
    with TrainingData(strict, one, Quiet()) as data, pytest.raises(DataError, match="bad"):
        data.batch(0)


def test_a_run_from_training_to_evaluation(tmp_path: Path) -> None:
    config = covr(tmp_path, "train.steps=2", "data.workers=1", "model.pool=attention")
    folder, data = tmp_path / "run", tmp_path / "covr"
    run_training(config, load_training("torch"), folder)
    assert "covr" in (folder / "after.json").read_text()
    invoke = CliRunner().invoke
    out = tmp_path / "found.json"
    done = invoke(cli, ["eval", str(folder), "--benchmark", "covr", "--data", str(data),
                        "--json", str(out)])  # fmt: skip
    assert done.exit_code == 0, done.output + str(done.exception)
    figures = {x["column"]: x["band"][1] for x in json.loads(out.read_text())["figures"]}
    assert figures["local hit@10"] == 1.0
    rows = tmp_path / "rows"
    done = invoke(cli, ["embed", str(folder), str(data), str(rows)])
    assert done.exit_code == 0, done.output + str(done.exception)
    run = load_run(folder)
    names = [str(data / "videos" / f"{n}.mp4") for n in range(2)]
    both = run.encode(video=names, text=["make it lighter", None])
    items = [
        Item("a", video="videos/0.mp4", text="make it lighter"),
        Item("b", video="videos/1.mp4"),
    ]
    found = encode_items(run, open_root(data), items, Quiet())
    np.testing.assert_allclose(found, both, atol=1e-6)
    stored = load_embeddings(rows)
    places = stored.places([item.content for item in items], "")
    np.testing.assert_allclose(stored.read(places), both, atol=1e-6)
    (data / "videos" / "0.mp4").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"0\.mp4: not a readable video"):
        encode_items(run, open_root(data), items, Quiet())
    for wrong, message in (
        ({"video": [3]}, "video 0 is the number 3; wanted a path"),
        ({"video": names, "text": ["a"]}, "2 videos and 1 texts"),
        ({"video": [None], "text": [None]}, "sample 0 has neither of video, text"),
    ):
        with pytest.raises(InputError, match=message):
            run.encode(**wrong)


def test_a_query_with_a_text_is_seen_as_its_middle_frame(tmp_path: Path) -> None:
    config = covr(tmp_path, modalities=FRAME)
    from gcl_spec.run.loaded import LoadedRun

    run = LoadedRun(config, 0, TorchTrainer(config, device="cpu"))
    video = tmp_path / "covr" / "videos" / "0.mp4"
    item = Item("a", video="videos/0.mp4", text="lighter")
    found = encode_items(run, open_root(tmp_path / "covr"), [item], Quiet())
    wanted = run.encode(image=[str(video)], text=["lighter"])
    np.testing.assert_allclose(found, wanted, atol=1e-6)
