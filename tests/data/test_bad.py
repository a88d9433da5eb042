"""Pictures that cannot be read are left out, listed once, and too many stop the run."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gcl_spec.config import Config
from gcl_spec.config_io import loads
from gcl_spec.data.bad import BadSamples
from gcl_spec.data.collate import Collator
from gcl_spec.data.features import FeatureStore
from gcl_spec.data.root import FolderRoot
from gcl_spec.data.stream import TrainingData
from gcl_spec.errors import DataError
from gcl_spec.progress import Quiet
from tests.train.fake import FakeTrainer

COUNT = 12


def make_data(folder: Path, bad: tuple[int, ...]) -> Config:
    lines = []
    (folder / "tasks").mkdir(parents=True)
    for n in range(COUNT):
        path = folder / f"{n}.png"
        Image.new("RGB", (40, 40), (20 * n, 90, 7)).save(path)
        if n in bad:
            path.write_bytes(path.read_bytes()[:60] if n % 2 else b"")
        lines.append({"id": str(n), "image": f"{n}.png", "captions": [f"colour {n}"]})
    (folder / "train.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    sets = [f"data.path={folder}", f"data.cache={folder / 'cache'}", "train.batch_size=6"]
    return loads("", [*sets, "train.steps=4", "data.max_bad=0.2", "model.image_size=32"])


@pytest.mark.parametrize("freeze", ["both", "none"])
def test_bad_pictures_count_as_none(tmp_path: Path, freeze: str) -> None:
    from dataclasses import replace

    config = make_data(tmp_path / "data", bad=(3, 8))
    config = replace(config, model=replace(config.model, freeze=freeze))
    batches = []
    for _ in range(2):
        data = TrainingData(config, FakeTrainer(config, None), Quiet(), only_steps=4)
        batches.append([data.batch(step) for step in range(4)])
        assert len(data.bad) == 2
    for step in range(4):
        names = data.describe(step)
        one, two = (found[step] for found in batches)
        assert np.array_equal(one.present, two.present), names
        assert all(np.array_equal(one.inputs[n], two.inputs[n]) for n in one.inputs)
    absent = sum(int((~batch.present[0]).sum()) for batch in batches[0])
    assert absent == 4, "two epochs of two bad pictures"
    assert all(batch.present[1].all() for batch in batches[0])


def test_too_many_stop(tmp_path: Path) -> None:
    config = make_data(tmp_path / "data", bad=(1, 2, 3))
    root, bad = FolderRoot(tmp_path / "data"), BadSamples(0.2)
    store = FeatureStore(config, Collator(config, root, bad), FakeTrainer(config, None).features)
    store.prepare([f"{n}.png" for n in range(COUNT)], [])
    with pytest.raises(DataError, match=r"3 of 12 samples .* more than data\.max_bad = 0\.2"):
        bad.check(COUNT, all_of_them=True)
    bad.check(COUNT)
    bad.check(1000)
    with pytest.raises(DataError, match="not a readable picture"):
        Collator(config, root)(["1.png"], [None])


def test_each_is_listed_once_also_by_a_resumed_run(tmp_path: Path) -> None:
    path = tmp_path / "bad_samples.jsonl"
    for _ in range(2):
        bad = BadSamples(0.5)
        bad.add("a.png", "cut off")
        bad.keep_in(path)
        bad.add("b.png", "empty")
        bad.add("a.png", "cut off")
    with path.open("a") as file:
        file.write('{"image": "c.p')  # a crash
    bad.keep_in(path)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [
        {"image": "a.png", "reason": "cut off"},
        {"image": "b.png", "reason": "empty"},
    ]
