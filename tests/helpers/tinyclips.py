"""TinyCLIPs in the original layout: those of the peer, and drawn ones that can be trained."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gcl_spec.models.clip_bpe import END, START, clip_tokenizer
from gcl_spec.models.tiny_clip import write_tiny
from gcl_spec.models.tinyclip.shape import Shape, Tower, wanted_shapes
from repository import REPOSITORY

GOLDENS = REPOSITORY / "tests" / "gcl_spec" / "models" / "goldens" / "tinyclip"

AUTO = Shape(
    image=Tower(22, (24, 0), (20, 33)),
    text=Tower(18, (0, 8), (12, 30)),
    joint=16, side=4, patch=8, channels=3, words=514, length=64,
)  # fmt: skip
"""A pruned model for pictures of 32 x 32 and the tokenizer of the small CLIP."""

CONFIG: dict[str, Any] = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "patch_size": 8},
    "text_cfg": {
        "context_length": 64, "vocab_size": 514, "width": 24, "heads": 3, "layers": 2
    },
    "mask_image": True,
    "mask_text": True,
}  # fmt: skip


def golden(kind: str, folder: Path) -> Path:
    """A copy of the peer's model, with a tokenizer of its number of tokens."""
    shutil.copytree(GOLDENS / kind, folder)
    letters = [chr(97 + n) for n in range(24)]
    tokens = [*letters, *(x + "</w>" for x in letters), START, END]
    made = clip_tokenizer({token: n for n, token in enumerate(tokens)}, [])
    (folder / "tokenizer.json").write_text(made.to_str())
    return folder


def arrays(kind: str, name: str) -> dict[str, np.ndarray[Any, Any]]:
    with np.load(GOLDENS / kind / f"{name}.npz") as found:
        return dict(found)


def drawn(shape: Shape = AUTO, seed: int = 0) -> dict[str, np.ndarray[Any, Any]]:
    """Weights by open_clip's names."""
    rng = np.random.default_rng(seed)
    found = {n: rng.normal(0, 0.1, s).astype(np.float32) for n, s in wanted_shapes(shape)}
    return found | {"logit_scale": np.asarray(np.log(10.0), np.float32)}


def spelled(weights: dict[str, Any], how: str) -> dict[str, Any]:
    """The names as a trainer leaves them: `how` has a place for each child's rest."""
    image, text, scale = how.split()
    found = {}
    for name, x in weights.items():
        start = scale if name == "logit_scale" else image if name.startswith("visual.") else text
        found[start.replace("*", name)] = x
    return found


DOUBLED = (
    "_image_encoder.module.* _text_encoder.module.* _logit_scale.module.*",
    "image_encoder_without_ddp.* text_encoder_without_ddp.* _logit_scale.module.*",
)


def write_auto(folder: Path, shape: Shape = AUTO, **change: Any) -> Path:
    """A folder as the peer leaves an automatic model: every tensor twice in a wrapped pickle."""
    write_tiny(folder, 0)
    for name in ("config.json", "preprocessor_config.json", "model.safetensors"):
        (folder / name).unlink()
    (folder / "auto.json").write_text(json.dumps(CONFIG))
    tensors = {name: torch.from_numpy(x) for name, x in (drawn(shape) | change).items()}
    state = spelled(tensors, DOUBLED[0]) | spelled(tensors, DOUBLED[1])
    torch.save({"state_dict": state, "epoch": 3, "name": "auto"}, folder / "auto.pt")
    return folder


def write_shallow(folder: Path) -> Path:
    """The small CLIP of the recipe "tiny" with one layer in each tower, which compiles sooner."""
    from safetensors.numpy import load_file, save_file

    write_tiny(folder, 0)
    file, config = folder / "model.safetensors", folder / "config.json"
    kept = {name: x for name, x in load_file(file).items() if ".layers.1." not in name}
    save_file(kept, file, {"format": "pt"})
    text = config.read_text()
    assert text.count('"num_hidden_layers": 2') == 2
    config.write_text(text.replace('"num_hidden_layers": 2', '"num_hidden_layers": 1'))
    return folder
