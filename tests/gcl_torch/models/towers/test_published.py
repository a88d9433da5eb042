"""The pretrained towers compute what their publishers' models compute."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch

import efficientnet_witness
from gcl_spec.data.prepare.pictures import load_image
from gcl_spec.data.prepare.tokenizer import Tokenizer
from gcl_spec.data.root import open_root
from gcl_spec.models.pretrained import image_weights, text_folder
from gcl_torch.models.towers.efficientnet_lite import EfficientNetLite0, _SameConv2d
from gcl_torch.models.towers.minilm import MiniLM
from samples import samples_of


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


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray]:
    state = torch.load(image_weights(), weights_only=True)
    return {name: x.double().numpy() for name, x in state.items()}


Tower = Callable[[torch.Tensor], torch.Tensor]


def check_tower(tower: Tower, weights: dict[str, np.ndarray]) -> None:
    """Against the NumPy witness, on noise and on smooth colours, of even and odd size."""
    rng = np.random.default_rng(0)
    for size in (64, 63):
        noise = rng.integers(0, 256, (size, size, 3), np.uint8)
        ramp = np.add.outer(2 * np.arange(size), np.arange(size))[..., None] % 256
        pixels = np.stack([noise, (ramp * [1.0, 0.5, 0.2]).astype(np.uint8)])
        want = efficientnet_witness.features(weights, pixels)
        with torch.inference_mode():
            found = tower(torch.from_numpy(pixels)).numpy()
        # float32 through 50 layers, measured 3e-6; the wrong towers below are off by 0.01 to 1.
        np.testing.assert_array_less(
            np.linalg.norm(found - want, axis=1), 3e-5 * np.linalg.norm(want, axis=1)
        )


def test_tower_is_the_published_network(
    efficientnet: EfficientNetLite0, weights: dict[str, np.ndarray]
) -> None:
    check_tower(efficientnet, weights)
    check_tower(EfficientNetLite0.pretrained().folded(), weights)


def bgr() -> Tower:
    tower = EfficientNetLite0.pretrained()
    return lambda pixels: tower(pixels.flip(-1))


def usual_eps() -> Tower:
    tower = EfficientNetLite0.pretrained()
    for module in tower.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 1e-5
    return tower


def symmetric_padding() -> Tower:
    tower = EfficientNetLite0.pretrained()
    for module in tower.modules():
        if isinstance(module, _SameConv2d):
            module.padding = (module.kernel_size[0] // 2,) * 2
            module.forward = partial(torch.nn.Conv2d.forward, module)
    return tower


def divided_by_255() -> Tower:
    """Another usual scale of the input: (x / 255 - 0.5) / 0.5."""
    tower = EfficientNetLite0.pretrained()
    stem = tower._conv_stem.forward
    tower._conv_stem.forward = lambda x: stem((x * 128 + 127) / 127.5 - 1)
    return tower


@pytest.mark.parametrize("wrong", [bgr, usual_eps, symmetric_padding, divided_by_255])
def test_wrong_towers_are_noticed(
    wrong: Callable[[], Tower], weights: dict[str, np.ndarray]
) -> None:
    with pytest.raises(AssertionError, match="Arrays are not"):
        check_tower(wrong(), weights)


# Labels of starter pictures that are ImageNet classes too, with the class's number.
CLASSES = {
    "strawberry": 949, "lemon": 951, "banana": 954, "pineapple": 953, "broccoli": 937,
    "pizza": 963, "cucumber": 943, "ear of corn": 998, "bell pepper": 945, "lion": 291,
    "zebra": 340, "lady beetle": 301, "penguin": 145, "flamingo": 130,
}  # fmt: skip


def test_weights_are_imagenets(
    efficientnet: EfficientNetLite0, weights: dict[str, np.ndarray]
) -> None:
    """The published classifier on our features knows drawn lemons, and worse so with red as blue.

    That the weights want RGB stands in no file beside them; the pictures tell.
    """
    root = open_root("starter")
    samples = [s for part in ("train", "val") for s in samples_of(root, f"{part}.jsonl")]
    chosen = [s for s in samples if s.captions and s.captions[0].lower() in CLASSES]
    wanted = np.asarray([CLASSES[s.captions[0].lower()] for s in chosen])
    assert len(wanted) >= 40
    pictures = [load_image(root.read_bytes(str(s.image)), size=128, where=s.id) for s in chosen]
    pixels = torch.from_numpy(np.stack(pictures))

    def known(pixels: torch.Tensor) -> float:
        """Share of the pictures whose class is among the first five of 1,000."""
        with torch.inference_mode():
            features = efficientnet(pixels).double().numpy()
        logits = features @ weights["_fc.weight"].T + weights["_fc.bias"]
        right = logits[np.arange(len(wanted)), wanted]
        return float(((logits > right[:, None]).sum(axis=1) < 5).mean())

    assert known(pixels) > 0.35  # measured 0.43
    assert known(pixels.flip(-1)) < 0.28  # measured 0.20; blue for red


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
