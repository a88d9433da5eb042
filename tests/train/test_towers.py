"""The pretrained towers compute what their publishers' models compute."""

import numpy as np
import pytest
import torch

from gcl_spec.data.tokens import Tokenizer
from gcl_spec.towers import image_weights, text_folder
from gcl_torch.towers.efficientnet_lite import EfficientNetLite0, _SameConv2d
from gcl_torch.towers.minilm import MiniLM


@pytest.fixture(scope="module")
def efficientnet() -> EfficientNetLite0:
    return EfficientNetLite0.pretrained()


@pytest.fixture(scope="module")
def minilm() -> MiniLM:
    return MiniLM()


@pytest.mark.parametrize(("size", "left"), [(8, 0), (7, 1)])
def test_same_padding_puts_the_odd_pixel_last(size: int, left: int) -> None:
    """TensorFlow's rule: of an even input the kernel begins at pixel 0, not at -1."""
    conv = _SameConv2d(1, 1, 3, stride=2)
    x = torch.arange(size, dtype=torch.float32).repeat(1, 1, size, 1)
    with torch.no_grad():
        conv.weight.zero_()
        conv.weight[0, 0, 1, 0] = 1.0  # reads the leftmost pixel under the kernel
        first = conv(x)[0, 0, 1]
    padded = [0.0] * left + [float(n) for n in range(size)]
    assert first.tolist() == padded[0 : 2 * len(first) : 2]


def test_folded_tower_is_the_tower(efficientnet: EfficientNetLite0) -> None:
    pixels = torch.from_numpy(
        np.random.default_rng(0).integers(0, 255, (2, 64, 64, 3), dtype=np.uint8)
    )
    with torch.inference_mode():
        want = efficientnet(pixels)
        found = EfficientNetLite0.pretrained().folded()(pixels)
    assert want.shape == (2, EfficientNetLite0.width)
    assert torch.allclose(found, want, atol=1e-4)


def test_weights_are_imagenets(efficientnet: EfficientNetLite0) -> None:
    """The published classifier on our features: a red disc on green is no random guess.

    Every parameter is loaded (strictly), and the features stay in the range that the classifier was
    trained on: its logits are as peaked as on photographs, not those of a broken network.
    """
    state = torch.load(image_weights(), weights_only=True)
    pixels = torch.full((1, 224, 224, 3), 30, dtype=torch.uint8)
    pixels[:, 60:160, 60:160] = torch.tensor([230, 120, 20], dtype=torch.uint8)
    with torch.inference_mode():
        logits = efficientnet(pixels) @ state["_fc.weight"].T + state["_fc.bias"]
        noise = EfficientNetLite0().eval()(pixels) @ state["_fc.weight"].T + state["_fc.bias"]
    assert logits.softmax(-1).max() > 10 * noise.softmax(-1).max()


def test_batch_norm_keeps_its_statistics_in_training(efficientnet: EfficientNetLite0) -> None:
    efficientnet.train()
    before = efficientnet._bn0.running_mean.clone()
    efficientnet(torch.zeros(2, 32, 32, 3, dtype=torch.uint8))
    assert torch.equal(before, efficientnet._bn0.running_mean)
    efficientnet.eval()


def test_padding_changes_no_text(minilm: MiniLM) -> None:
    tokenizer = Tokenizer(text_folder() / "tokenizer.json", max_tokens=32)
    texts = ["a cat", "a long caption about many things in one picture"]
    with torch.inference_mode():
        both = minilm(*map(torch.from_numpy, tokenizer(texts)))
        alone = minilm(*map(torch.from_numpy, tokenizer(texts[:1])))
    assert torch.allclose(both[:1], alone, atol=1e-5)


def test_sentences_mean_something(minilm: MiniLM) -> None:
    tokenizer = Tokenizer(text_folder() / "tokenizer.json", max_tokens=32)
    with torch.inference_mode():
        z = minilm(*map(torch.from_numpy, tokenizer(["a small cat", "a kitten", "tax law"])))
    z = torch.nn.functional.normalize(z)
    assert z[0] @ z[1] > 0.6 > 0.3 > z[0] @ z[2]


def test_building_towers_uses_no_random_numbers() -> None:
    torch.manual_seed(0)
    want = torch.rand(3)
    torch.manual_seed(0)
    EfficientNetLite0.pretrained()
    MiniLM()
    assert torch.equal(want, torch.rand(3))
