"""Cached outputs of frozen towers: computed once, never wrong, kept through interruptions."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gcl_spec.batch import Batch
from gcl_spec.config import Config, DataConfig
from gcl_spec.data.collate import Collator
from gcl_spec.data.features import FeatureStore
from gcl_spec.data.root import FolderRoot
from gcl_spec.errors import DataError


class Counting:
    """Stands for a trainer: a feature is the mean of the pixels, or the sum of the tokens."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, batch: Batch) -> Mapping[str, np.ndarray]:
        self.seen += len(batch)
        if "image/pixels" in batch.inputs:
            return {"image": batch.inputs["image/pixels"].mean(axis=(1, 2)).astype(np.float32)}
        tokens = batch.inputs["text/input_ids"] * batch.inputs["text/attention_mask"]
        return {"text": tokens.sum(1, keepdims=True).astype(np.float32)}


@pytest.fixture
def data(tmp_path: Path) -> tuple[Config, Collator]:
    for n in range(3):
        Image.new("RGB", (8, 8), (n, 2 * n, 0)).save(tmp_path / f"{n}.png")
    config = Config(data=DataConfig(cache=str(tmp_path / "cache")))
    config = replace(config, model=replace(config.model, image_size=32))
    return config, Collator(config.model, FolderRoot(tmp_path))


def test_features_are_computed_once(data: tuple[Config, Collator], tmp_path: Path) -> None:
    config, collator = data
    images, texts = ["0.png", "1.png", "2.png", "1.png"], ["a", "b", "a"]
    one = Counting()
    store = FeatureStore(config, collator, one)
    store.prepare(images, texts)
    assert one.seen == 5
    batch = store(["2.png", None], ["a", "b"], np.asarray([4, 4]))
    assert batch.inputs["image/features"].tolist() == [[2.0, 4.0, 0.0], [0.0, 0.0, 0.0]]
    assert batch.present.tolist() == [[True, False], [True, True], [True, False]]
    again = Counting()
    FeatureStore(config, collator, again).prepare(images, texts)
    assert again.seen == 0, "the second run reads the cache"
    for file in (tmp_path / "cache").iterdir():
        file.write_bytes(file.read_bytes()[:-3])
    damaged = Counting()
    FeatureStore(config, collator, damaged).prepare(images, texts)
    assert damaged.seen == 5, "a damaged cache is computed anew"
    with pytest.raises(DataError, match="was not prepared"):
        store(["9.png"], [None])


def test_cache_goes_by_content(data: tuple[Config, Collator], tmp_path: Path) -> None:
    config, collator = data
    FeatureStore(config, collator, Counting()).prepare(["0.png"], [])
    Image.new("RGB", (8, 8), (200, 0, 0)).save(tmp_path / "0.png")
    changed = Counting()
    store = FeatureStore(config, collator, changed)
    store.prepare(["0.png"], [])
    assert changed.seen == 1
    assert store(["0.png"], [None]).inputs["image/features"][0, 0] == 200


@pytest.mark.parametrize(
    ("version", "kind"),
    [("images.PREPROCESSING_VERSION", "image"), ("tokens.TOKENIZING_VERSION", "text")],
)
def test_cache_goes_by_the_version_of_the_preprocessing(
    data: tuple[Config, Collator], monkeypatch: pytest.MonkeyPatch, version: str, kind: str
) -> None:
    config, collator = data
    wanted = (["0.png"], []) if kind == "image" else ([], ["a"])
    FeatureStore(config, collator, Counting()).prepare(*wanted)
    monkeypatch.setattr(f"gcl_spec.data.{version}", 99)
    later = Counting()
    FeatureStore(config, collator, later).prepare(*wanted)
    assert later.seen == 1
