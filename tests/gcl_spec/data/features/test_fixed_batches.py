"""A tower's output is a function of the item alone, to the bit."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gcl_spec import registry
from gcl_spec.config.options import Config, DataConfig, ModelConfig
from gcl_spec.data.features.fixed_batches import fixed_batches
from gcl_spec.data.features.store import FeatureStore
from gcl_spec.data.prepare.collate import Collator
from gcl_spec.data.root import FolderRoot

WORDS = [
    "red",
    "green",
    "a",
    "tile",
    "of",
    "stone",
    "near",
    "the",
    "old",
    "harbour",
    "in",
    "winter",
]
TEXTS = [" ".join(WORDS[n % 7 : n % 7 + 1 + n % 13]) + f" {n}" for n in range(90)]
MODEL = ModelConfig(width=4, hidden=8, image_size=32)


@pytest.fixture
def collator(tmp_path: Path) -> Collator:
    rng = np.random.default_rng(0)
    for n in range(40):
        pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{n}.png")
    return Collator(Config(model=MODEL), FolderRoot(tmp_path))


@pytest.mark.parametrize("kind", ["image", "text"])
def test_every_item_once_in_batches_of_one_shape(collator: Collator, kind: str) -> None:
    items = [f"{n}.png" for n in range(40)] if kind == "image" else TEXTS
    places = []
    for part, batch in fixed_batches(collator, kind, items, 16):
        places += part
        assert len(batch) == 16
        if kind == "text":
            mask = batch.inputs["text/attention_mask"]
            assert mask.shape[1] % 8 == 0
            assert np.all(mask.shape[1] - mask.sum(axis=1) < 8)
            lone = collator({"text": [items[part[0]]]}).inputs["text/input_ids"][0]
            assert batch.inputs["text/input_ids"][0, : len(lone)].tolist() == lone.tolist()
    assert sorted(places) == list(range(len(items)))


@pytest.mark.parametrize("kind", ["image", "text"])
def test_what_the_cache_knew_changes_no_bit(collator: Collator, tmp_path: Path, kind: str) -> None:
    """As after a dry run, a kill, or another run with a part of the items."""
    items = [f"{n}.png" for n in range(40)] if kind == "image" else TEXTS
    trainer = registry.load_training("torch").trainer(Config(model=MODEL), device="cpu")
    found = []
    for name, before in (("cold", []), ("warm", items[3:38:3]), ("again", items[::-2])):
        config = Config(model=MODEL, data=DataConfig(cache=str(tmp_path / name)))
        for wanted in (before, items):
            store = FeatureStore(config, collator, trainer.features)
            store.prepare({kind: wanted})
        batch = store({kind: items})
        found.append(batch.inputs[f"{kind}/features"])
    for other in found[1:]:
        assert np.array_equal(found[0], other), np.flatnonzero((found[0] != other).any(axis=1))
