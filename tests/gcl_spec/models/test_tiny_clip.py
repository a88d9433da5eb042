"""The checkpoint made from scratch is complete, repeatable, and what transformers expects."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gcl_spec.data.prepare.checkpoint_pictures import ImageProcessor
from gcl_spec.models.hub import load_weights, model_folder
from gcl_spec.models.tiny_clip import write_tiny


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "new" / "folder"
    write_tiny(folder, 7)
    return folder


def digests(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def test_same_seed_same_bytes_and_no_framework(tiny: Path, tmp_path: Path) -> None:
    script = (
        "import sys, pathlib, gcl_spec.models.tiny_clip as t;"
        "t.write_tiny(pathlib.Path(sys.argv[1]), 7);"
        "assert not {'torch', 'jax', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
    assert digests(tmp_path) == digests(tiny)
    write_tiny(tmp_path, 8)
    differ = {name for name, x in digests(tmp_path).items() if x != digests(tiny)[name]}
    assert differ == {"model.safetensors"}


def test_transformers_loads_all_of_it(tiny: Path) -> None:
    from transformers import AutoProcessor, CLIPModel

    model, loading = CLIPModel.from_pretrained(tiny, output_loading_info=True)
    assert not any(loading.values()), "neither missing nor unexpected weights"
    assert model_folder(str(tiny)) == tiny
    weights = load_weights(tiny)
    state = model.state_dict()
    assert weights.keys() == state.keys()
    for name, value in state.items():
        np.testing.assert_array_equal(weights[name], value.numpy(), err_msg=name)
    processor = AutoProcessor.from_pretrained(tiny)
    assert type(processor).__name__ == "CLIPProcessor"
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (45, 70, 3), np.uint8))
    want = processor(images=image, return_tensors="np")["pixel_values"][0]
    np.testing.assert_array_equal(ImageProcessor.from_folder(tiny)(image, "x"), want)


def test_the_weights_have_the_spread_that_transformers_draws(tiny: Path) -> None:
    import torch
    from transformers import CLIPConfig, CLIPModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        drawn = CLIPModel(CLIPConfig.from_pretrained(tiny)).state_dict()
    for name, ours in load_weights(tiny).items():
        theirs = drawn[name].numpy()
        # In these transformers departs from OpenAI's code, which we follow.
        if theirs.size < 1000 or "position_embedding" in name or "self_attn" in name:
            continue
        assert np.std(ours) == pytest.approx(np.std(theirs), rel=0.1), name


def test_every_byte_has_a_token(tiny: Path) -> None:
    from gcl_spec.data.prepare.tokenizer import Tokenizer

    tokenizer = Tokenizer.from_folder(tiny)
    texts = [chr(x) for x in [*range(33, 127), 0xA9, 0x20AC, 0x1F408]]
    ids, mask = tokenizer(texts)
    unknown = 513
    lengths = mask.sum(1)
    assert lengths.max() == 2 + 4, "an emoji is four bytes"
    assert all(unknown not in row[1 : n - 1] for row, n in zip(ids, lengths, strict=True))
