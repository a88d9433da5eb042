"""MMEB's CLIP baseline from pictures and texts to features, by our towers."""

from typing import Any

import numpy as np
import pytest
import torch

from gcl_spec.data.prepare.checkpoint_pictures import ImageProcessor
from gcl_spec.data.prepare.tokenizer import Tokenizer
from gcl_spec.tasks.peers.mmeb import peer_mask
from gcl_torch.models.towers.clip import ClipTowers
from goldens import GOLDENS, arrays
from goldens import read as golden

FOLDER = GOLDENS / "mmeb" / "tiny-clip"
KEYS: dict[str, list[list[str]]] = golden("mmeb/clip_keys.json")
END = 529


@pytest.fixture(scope="module")
def towers() -> ClipTowers:
    return ClipTowers.from_folder(FOLDER).eval()


def features(towers: ClipTowers, text: str, image: str, *, hidden: bool = True) -> Any:
    """The sum of the projections of what an item has."""
    total = torch.zeros(1, towers.width)
    with torch.no_grad():
        if text:
            ids, mask = Tokenizer.from_folder(FOLDER, max_tokens=40)([text])
            chosen = peer_mask(ids, END) if hidden else mask
            total = total + towers.text(torch.from_numpy(ids), torch.from_numpy(chosen))
        if image:
            picture = (GOLDENS / "mmeb" / "eval_images" / image).read_bytes()
            pixels = ImageProcessor.from_folder(FOLDER)(picture, image)
            total = total + towers.image(torch.from_numpy(pixels)[None])
    return total.numpy()[0]


@pytest.mark.parametrize("name", KEYS)
def test_features_are_those_of_the_peer(towers: ClipTowers, name: str) -> None:
    wanted = arrays("mmeb/clip_features.npz")[name]
    for (text, image), row in list(zip(KEYS[name], wanted, strict=True))[::3]:
        np.testing.assert_allclose(features(towers, text, image), row, atol=2e-5)


def test_the_end_token_that_is_seen_changes_texts(towers: ClipTowers) -> None:
    text = KEYS["MSCOCO_i2t/tgt"][0][0]
    seen = features(towers, text, "", hidden=False)
    assert np.abs(seen - arrays("mmeb/clip_features.npz")["MSCOCO_i2t/tgt"][0]).max() > 0.01
