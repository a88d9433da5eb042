"""Items of training data as rows, also where a picture cannot be read."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from fake import FakeTrainer
from gcl_spec.data.open import open_source
from gcl_spec.progress import Quiet
from gcl_spec.run.loaded import LoadedRun
from gcl_spec.run.readable_items import readable_encoder
from gcl_spec.tasks.task import Item
from loop_config import fast


def test_rows_of_unreadable_pictures_are_zero(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), (200, 9, 9)).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    line = {"id": "1", "image": "good.png", "captions": ["red"]}
    (tmp_path / "train.jsonl").write_text(json.dumps(line) + "\n")
    config = fast(tmp_path, tmp_path / "cache")
    run, bad = LoadedRun(config, 0, FakeTrainer(config, None)), {}
    items = [Item("", "good.png", "red"), Item("", "bad.png", "red"), Item("", "bad.png")]
    source, every = open_source(config.data), [*items, Item("", None, "red")]
    rows = readable_encoder(run, source, every, Quiet(), bad)(every)
    assert np.allclose(np.linalg.norm(rows, axis=1), [1, 0, 0, 1], atol=1e-6)
    assert [*bad] == ["bad.png"]
