"""A checkpoint in open_clip's layout gives open_clip's rows, on both backends."""

import json
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from gcl_jax.models.towers.clip import Clip
from gcl_spec.config.options import Config
from gcl_spec.config.toml import load
from gcl_spec.data.prepare.checkpoint_pictures import ImageProcessor
from gcl_spec.data.prepare.recipes import preprocessing_of
from gcl_spec.errors import ConfigError, DataError
from gcl_spec.models.pretrained import clip_folder
from gcl_spec.models.tiny_clip import write_tiny
from gcl_torch.models.towers.clip import ClipTowers

WIDTH, LAYERS, WORDS, LENGTH, SIDE, PATCH, JOINT = 64, 2, 514, 20, 32, 8, 24


class QuickGelu(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
    """A layer under open_clip's names."""

    def __init__(self, act: nn.Module) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attn = nn.MultiheadAttention(WIDTH, 2, batch_first=True)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(WIDTH, 4 * WIDTH))
        self.mlp.add_module("gelu", act)
        self.mlp.add_module("c_proj", nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp(self.ln_2(x))


class Blocks(nn.Module):
    def __init__(self, act: nn.Module) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList([Block(act) for _ in range(LAYERS)])

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        for block in self.resblocks:
            x = block(x, mask)
        return x


class Visual(nn.Module):
    def __init__(self, act: nn.Module) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTH, PATCH, PATCH, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(WIDTH))
        self.positional_embedding = nn.Parameter(torch.randn((SIDE // PATCH) ** 2 + 1, WIDTH))
        self.ln_pre, self.ln_post = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.transformer = Blocks(act)
        self.proj = nn.Parameter(torch.randn(WIDTH, JOINT) / 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        patches = self.conv1(x).flatten(2).transpose(1, 2)
        start = self.class_embedding.expand(len(x), 1, WIDTH)
        x = torch.cat([start, patches], 1) + self.positional_embedding
        return self.ln_post(self.transformer(self.ln_pre(x))[:, 0]) @ self.proj


class OpenClip(nn.Module):
    """open_clip's `CLIP`, by its names, as an independent witness."""

    def __init__(self, act: nn.Module) -> None:
        super().__init__()
        self.visual, self.transformer = Visual(act), Blocks(act)
        self.token_embedding = nn.Embedding(WORDS, WIDTH)
        self.positional_embedding = nn.Parameter(torch.randn(LENGTH, WIDTH))
        self.ln_final = nn.LayerNorm(WIDTH)
        self.text_projection = nn.Parameter(torch.randn(WIDTH, JOINT) / 8)
        self.logit_scale = nn.Parameter(torch.tensor(3.25))

    def text(self, ids: torch.Tensor) -> torch.Tensor:
        length = ids.shape[1]
        mask = torch.full((length, length), float("-inf")).triu(1)
        x = self.token_embedding(ids) + self.positional_embedding[:length]
        x = self.ln_final(self.transformer(x, mask))
        return x[torch.arange(len(ids)), ids.argmax(1)] @ self.text_projection


def settings(**more: Any) -> dict[str, Any]:
    model: dict[str, Any] = {
        "embed_dim": JOINT,
        "vision_cfg": {"image_size": SIDE, "layers": LAYERS, "width": WIDTH, "patch_size": PATCH},
        "text_cfg": {"context_length": LENGTH, "vocab_size": WORDS, "width": WIDTH, "heads": 2},
    }
    model["vision_cfg"]["head_width"] = 32
    model["text_cfg"]["layers"] = LAYERS
    picture = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4], "interpolation": "bilinear"}
    return {"model_cfg": model | more, "preprocess_cfg": picture | {"resize_mode": "shortest"}}


def made(folder: Path, *, quick: bool) -> OpenClip:
    """A folder with open_clip's two files and a tokenizer."""
    torch.manual_seed(0)
    model = OpenClip(QuickGelu() if quick else nn.GELU())
    for module in model.modules():
        if isinstance(module, nn.MultiheadAttention):
            nn.init.normal_(module.in_proj_bias, std=0.1)
    write_tiny(folder, 0)
    for name in ("config.json", "model.safetensors", "preprocessor_config.json"):
        (folder / name).unlink()
    save_file(
        {n: x.detach().contiguous() for n, x in model.state_dict().items()},
        folder / "open_clip_model.safetensors",
    )
    content = settings(quick_gelu=True) if quick else settings()
    (folder / "open_clip_config.json").write_text(json.dumps(content))
    return model.eval()


def config(folder: Path, cache: Path) -> Config:
    paths = [f"model.path='{folder}'", f"data.cache='{cache}'"]
    return load(recipe="clip", overrides=paths)


@pytest.mark.parametrize("quick", [False, True])
def test_equal_rows(quick: bool, tmp_path: Path) -> None:
    model = made(tmp_path / "model", quick=quick)
    options = config(tmp_path / "model", tmp_path / "cache")
    folder = clip_folder(options)
    assert folder.parent == tmp_path / "cache"
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert clip_folder(options) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == before, "it is made once"
    preprocess = preprocessing_of(options)
    inputs = preprocess.texts(["a red cup", "a much longer text", ""])
    rng = np.random.default_rng(0)
    pixels = np.stack([preprocess.image(rng.integers(0, 256, (40, 50, 3), np.uint8), "x")] * 2)
    with torch.no_grad():
        image = model.visual(torch.from_numpy(pixels)).numpy()
        text = model.text(torch.from_numpy(inputs["text/input_ids"])).numpy()
    torch_towers, jax_towers = ClipTowers.from_folder(folder), Clip.from_folder(folder)
    with torch.no_grad():
        theirs = [
            torch_towers.image(torch.from_numpy(pixels)).numpy(),
            torch_towers.text(*(torch.from_numpy(x) for x in inputs.values())).numpy(),
        ]
    ours = [jax_towers.image(pixels), jax_towers.text(*map(jnp.asarray, inputs.values()))]
    for found in (theirs, ours):
        for x, want in zip(found, (image, text), strict=True):
            np.testing.assert_allclose(np.asarray(x), want, atol=1e-4 * np.abs(want).max())
    assert torch_towers.checkpoint_log_scale == jax_towers.checkpoint_log_scale == 3.25


OTHERS = {
    "another tower": {"vision_cfg": {"timm_model_name": "vit_base"}},
    "another text": {"text_cfg": {"hf_model_name": "roberta-base"}},
    "another loss": {"init_logit_bias": -10},
    "another form": {"multimodal_cfg": {"layers": 1}},
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_architectures_are_named(name: str, tmp_path: Path) -> None:
    made(tmp_path / "model", quick=False)
    path = tmp_path / "model" / "open_clip_config.json"
    path.write_text(json.dumps(settings(**OTHERS[name])))
    with pytest.raises(DataError, match="makes another architecture than CLIP's own") as raised:
        clip_folder(config(tmp_path / "model", tmp_path / "cache"))
    assert "\n" not in str(raised.value)
    assert list((tmp_path / "cache").glob("*")) == [], "nothing is left of what could not be made"


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    made(tmp_path / "model", quick=False)
    options = config(tmp_path / "model", tmp_path / "cache")
    (tmp_path / "model" / "tokenizer.json").unlink()
    with pytest.raises(DataError, match=r"no tokenizer\.json, nor vocab\.json and merges\.txt"):
        clip_folder(options)
    (tmp_path / "model" / "open_clip_model.safetensors").unlink()
    with pytest.raises(DataError, match="open_clip's own layout, of which"):
        clip_folder(options)


def test_odd_values_are_an_error(tmp_path: Path) -> None:
    made(tmp_path / "model", quick=False)
    path, original = tmp_path / "model" / "open_clip_config.json", settings()
    parts = [original["model_cfg"]["vision_cfg"], original["model_cfg"]["text_cfg"]]
    parts += [original["model_cfg"], original["preprocess_cfg"]]
    for part in parts:
        for key, good in list(part.items()):
            # One number for all channels is a mean, or a standard deviation.
            numbers = () if key in ("mean", "std") else (10**12, -1, 0)
            for value in ([], {}, "x", *numbers, [[1], [1]], 1e300):
                part[key] = value
                path.write_text(json.dumps(original))
                with pytest.raises((DataError, ConfigError)) as raised:
                    load_both(config(tmp_path / "model", tmp_path / "cache"))
                assert "\n" not in str(raised.value), (key, value)
            part[key] = good


def load_both(options: Config) -> None:
    folder = clip_folder(options)
    ImageProcessor.from_folder(folder)
    Clip.from_folder(folder)
