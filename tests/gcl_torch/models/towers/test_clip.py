"""CLIP-type towers are transformers' model, under its names, without its scale and its dropout."""

import json
import subprocess
import sys
from copy import deepcopy
from math import log
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from gcl_spec.errors import ConfigError, DataError
from gcl_spec.models.tiny_clip import write_tiny
from gcl_torch.models.towers.clip import ClipTowers

SMALL = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2}
SMALL |= {"num_hidden_layers": 2}
PICTURES = {"image_size": 32, "patch_size": 8}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    write_tiny(folder, 0)
    return folder


def save(model: Any, folder: Path) -> Path:
    from transformers.utils import logging

    logging.disable_progress_bar()
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def siglip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import SiglipConfig, SiglipModel

    text = {**SMALL, "vocab_size": 50, "projection_size": 32, "attention_dropout": 0.5}
    vision = {**SMALL, **PICTURES, "attention_dropout": 0.5}
    torch.manual_seed(0)
    config = SiglipConfig(text_config=text, vision_config=vision)
    return save(SiglipModel(config), tmp_path_factory.mktemp("siglip"))


def inputs(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pixels (3, 3, 32, 32), ids (3, 9) that end in 513 and are padded with it, and their mask."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 512, (3, 9), generator=generator)
    lengths = torch.tensor([[9], [5], [2]])
    mask = (torch.arange(9) < lengths).long()
    ids[torch.arange(9) >= lengths - 1] = 513
    return torch.randn(3, 3, 32, 32, generator=generator), ids, mask


def test_equal_to_clip(tiny: Path) -> None:
    from transformers import CLIPModel

    peer = CLIPModel.from_pretrained(tiny)
    towers = ClipTowers.from_folder(tiny)
    pixels, ids, mask = inputs()
    with torch.no_grad():
        want = peer(pixel_values=pixels, input_ids=ids, attention_mask=mask)
    image, text = towers.image(pixels), towers.text(ids, mask)
    assert image.shape == text.shape == (3, 64) == (3, towers.width)
    unit = torch.nn.functional.normalize
    torch.testing.assert_close(unit(image), want.image_embeds, rtol=0, atol=1e-6)
    torch.testing.assert_close(unit(text), want.text_embeds, rtol=0, atol=1e-6)
    assert (image.norm(dim=1) - 1).abs().min() > 0.01, "raw, not unit"
    longer = torch.cat([ids, torch.full((3, 4), 513)], 1)
    more = torch.cat([mask, torch.zeros(3, 4, dtype=torch.long)], 1)
    torch.testing.assert_close(towers.text(longer, more), text, rtol=1e-5, atol=1e-5)


def test_equal_to_siglip(siglip: Path) -> None:
    from transformers import SiglipModel

    peer = SiglipModel.from_pretrained(siglip).eval()
    towers = ClipTowers.from_folder(siglip)
    pixels, ids, _ = inputs()
    with torch.no_grad():
        want = peer(pixel_values=pixels, input_ids=ids % 50)
    image, text = towers.image(pixels), towers.text(ids % 50, torch.ones_like(ids))
    unit = torch.nn.functional.normalize
    torch.testing.assert_close(unit(image), want.image_embeds, rtol=0, atol=1e-6)
    torch.testing.assert_close(unit(text), want.text_embeds, rtol=0, atol=1e-6)
    assert towers.width == 32


@pytest.mark.parametrize("name", ["tiny", "siglip"])
def test_names_are_those_of_the_file(name: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(name)
    towers, file = ClipTowers.from_folder(folder), load_file(folder / "model.safetensors")
    names = file.keys() - {"logit_scale", "logit_bias"}
    assert {n for n, _ in towers.named_parameters()} == names == towers.state_dict().keys()
    for key, value in towers.state_dict().items():
        assert torch.equal(value, file[key]), key
    assert towers.checkpoint_log_scale == pytest.approx(float(file["logit_scale"]))
    assert towers.training
    assert all(module.training for module in towers.modules())


def test_every_parameter_has_a_gradient_and_no_randomness(siglip: Path) -> None:
    """What the towers do not use would stop training on many processes."""
    towers = ClipTowers.from_folder(siglip)
    pixels, ids, mask = inputs()
    state = torch.get_rng_state()
    first = towers.image(pixels), towers.text(ids % 50, mask)
    second = towers.image(pixels), towers.text(ids % 50, mask)
    assert all(torch.equal(x, y) for x, y in zip(first, second, strict=True))
    assert torch.equal(torch.get_rng_state(), state)
    (first[0].square().sum() + first[1].square().sum()).backward()
    unused = [n for n, p in towers.named_parameters() if p.grad is None]
    assert unused == []


def test_loading_uses_up_no_random_numbers(tiny: Path) -> None:
    state = torch.get_rng_state()
    ClipTowers.from_folder(tiny)
    assert torch.equal(torch.get_rng_state(), state)


def kept_bytes(towers: ClipTowers) -> tuple[int, list[torch.Tensor]]:
    """Bytes kept for the backward pass, and the gradients."""
    kept = 0

    def pack(x: torch.Tensor) -> torch.Tensor:
        nonlocal kept
        kept += x.numel() * x.element_size()
        return x

    pixels, ids, mask = inputs()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        loss = towers.image(pixels).square().sum() + towers.text(ids, mask).square().sum()
    gradients = torch.autograd.grad(loss, list(towers.parameters()))
    return kept, list(gradients)


def test_checkpointing_keeps_less_and_changes_nothing(tiny: Path) -> None:
    towers = ClipTowers.from_folder(tiny)
    plain, want = kept_bytes(towers)
    towers.checkpointing(True)
    less, found = kept_bytes(towers)
    assert less < plain / 2
    for x, y in zip(found, want, strict=True):
        torch.testing.assert_close(x, y)
    towers.checkpointing(False)
    assert kept_bytes(towers)[0] == plain


def test_replaced_layers_are_used(tiny: Path) -> None:
    """As LoRA does: the model's own methods have to see them."""
    towers = ClipTowers.from_folder(tiny)
    towers.text_projection = torch.nn.Linear(64, 64, bias=False)
    torch.nn.init.zeros_(towers.text_projection.weight)
    _, ids, mask = inputs()
    assert torch.count_nonzero(towers.text(ids, mask)) == 0
    copy = deepcopy(towers)
    torch.nn.init.ones_(copy.get_submodule("text_projection").weight)
    assert torch.count_nonzero(copy.text(ids, mask)) > 0
    assert torch.count_nonzero(towers.text(ids, mask)) == 0, "a copy has its own weights"


def test_moving_the_towers_moves_the_model(tiny: Path) -> None:
    towers = ClipTowers.from_folder(tiny).double()
    pixels, ids, mask = inputs()
    assert towers.image(pixels.double()).dtype == torch.float64
    assert towers.text(ids, mask).dtype == torch.float64


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_files_become_float32(
    dtype: torch.dtype, tiny: Path, tmp_path: Path
) -> None:
    state = {n: x.to(dtype) for n, x in load_file(tiny / "model.safetensors").items()}
    (tmp_path / "config.json").write_text((tiny / "config.json").read_text())
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    towers = ClipTowers.from_folder(tmp_path)
    assert {p.dtype for p in towers.parameters()} == {torch.float32}


def altered(tiny: Path, tmp_path: Path, config: dict[str, Any], drop: str = "") -> Path:
    """A copy with another config.json, without the weights whose names contain `drop`."""
    old = json.loads((tiny / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(old | config))
    state = load_file(tiny / "model.safetensors")
    state = {n: x for n, x in state.items() if not drop or drop not in n}
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    return tmp_path


def test_missing_and_misshapen_weights(tiny: Path, tmp_path: Path) -> None:
    folder = altered(tiny, tmp_path, {}, drop="fc1.bias")
    missing = "4 weights of CLIPModel are missing, such as text_model.encoder.layers.0.mlp.fc1.bias"
    with pytest.raises(DataError, match=missing.replace(".", r"\.")):
        ClipTowers.from_folder(folder)
    with pytest.raises(DataError, match="projection_dim is 32, but the weight text_projection"):
        ClipTowers.from_folder(altered(tiny, tmp_path, {"projection_dim": 32}))
    with pytest.raises(DataError, match="transformers cannot load it"):
        ClipTowers.from_folder(altered(tiny, tmp_path, {"model_type": "no-such-model"}))
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(DataError, match="only pickled weights"):
        ClipTowers.from_folder(tmp_path)


def test_a_checkpoint_without_a_scale_has_clips_initial_one(tiny: Path, tmp_path: Path) -> None:
    towers = ClipTowers.from_folder(altered(tiny, tmp_path, {}, drop="logit_scale"))
    assert towers.checkpoint_log_scale == pytest.approx(log(1 / 0.07))


def test_other_models_are_refused(tmp_path: Path) -> None:
    from transformers import BertConfig, BertModel

    bert = BertModel(BertConfig(vocab_size=9, **SMALL))
    with pytest.raises(ConfigError, match="BertModel has no get_image_features and no get_text"):
        ClipTowers.from_folder(save(bert, tmp_path))


class Odd(torch.nn.Module):
    """Gives what some architectures give: tensors as they are, rows for each token, two widths."""

    def __init__(self, image: torch.Tensor | None, text: torch.Tensor | None) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(2, 2)
        self.temperature = torch.nn.Parameter(torch.tensor(0.5))
        self.outputs = (image, text)

    def get_image_features(self, **_: object) -> Any:
        return self.outputs[0]

    def get_text_features(self, **_: object) -> Any:
        return self.outputs[1]


def test_features_of_other_forms() -> None:
    pixels, ids, mask = inputs()
    plain = ClipTowers(Odd(torch.ones(3, 5), torch.zeros(3, 5)))
    assert plain.width == 5
    assert plain.checkpoint_log_scale == pytest.approx(log(2))
    assert torch.equal(plain.image(pixels), torch.ones(3, 5))
    assert [n for n, _ in plain.named_parameters()] == ["layer.weight", "layer.bias"]
    with pytest.raises(ConfigError, match="projections have 4 and 5 columns"):
        ClipTowers(Odd(torch.ones(3, 4), torch.ones(3, 5))).image(pixels)
    with pytest.raises(ConfigError, match=r"Odd: its features are \(3, 7, 5\), not one row"):
        ClipTowers(Odd(None, torch.ones(3, 7, 5))).text(ids, mask)


def test_importing_the_towers_does_not_import_transformers() -> None:
    script = "import sys, gcl_torch.models.towers.clip; assert 'transformers' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
