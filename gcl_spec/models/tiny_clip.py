"""A CLIP of a few hundred thousand weights, from scratch, for tests and the `tiny` recipe."""

import json
from math import log
from pathlib import Path
from typing import Any

import numpy as np

from gcl_spec._files.atomic import atomic_write
from gcl_spec._typing import FloatArray
from gcl_spec.models.clip_bpe import END, START, clip_tokenizer

__all__ = ["tiny_config", "tiny_weights", "write_tiny"]

_WIDTH, _LAYERS, _HEADS, _POSITIONS = 64, 2, 2, 64
_IMAGE, _PATCH = 32, 8


def write_tiny(folder: Path, seed: int) -> None:
    """Write a complete checkpoint in the hub's layout, whose bytes depend on the seed alone.

    transformers loads it too: `CLIPModel`, `AutoTokenizer` and `AutoProcessor`. Pictures are
    32 x 32 in patches of 8, texts are bytes and at most 64 tokens, both towers have 2 layers of
    width 64 and 2 heads, the projections 64.

    Raises:
        FileError: the weights cannot be written, such as on a full disk.
    """
    from safetensors.numpy import save as to_bytes

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = _vocabulary()
    files = {
        "config.json": tiny_config(),
        "preprocessor_config.json": _preprocessing(),
        "tokenizer_config.json": {
            "bos_token": START,
            "eos_token": END,
            "model_max_length": _POSITIONS,
            "pad_token": END,
            "tokenizer_class": "CLIPTokenizer",
            "unk_token": END,
        },
    }
    for name, content in files.items():
        text = json.dumps(content, indent=2, sort_keys=True) + "\n"
        (folder / name).write_text(text, encoding="utf-8")
    text = clip_tokenizer(vocabulary, []).to_str(pretty=True)
    (folder / "tokenizer.json").write_text(text + "\n", encoding="utf-8")
    # transformers (version 5) refuses files that do not say which framework's layouts they have.
    weights = to_bytes(tiny_weights(seed), {"format": "pt"})
    with atomic_write(folder / "model.safetensors", size=len(weights)) as file:
        file.write(weights)


def tiny_config() -> dict[str, Any]:
    """The content of config.json."""
    vocabulary = _vocabulary()
    tower = {
        "hidden_act": "quick_gelu",
        "hidden_size": _WIDTH,
        "intermediate_size": 4 * _WIDTH,
        "layer_norm_eps": 1e-5,
        "num_attention_heads": _HEADS,
        "num_hidden_layers": _LAYERS,
        "projection_dim": _WIDTH,
        "attention_dropout": 0.0,
    }
    return {
        "architectures": ["CLIPModel"],
        "model_type": "clip",
        "projection_dim": _WIDTH,
        "logit_scale_init_value": log(1 / 0.07),
        "text_config": {
            **tower,
            "model_type": "clip_text_model",
            "vocab_size": len(vocabulary),
            "max_position_embeddings": _POSITIONS,
            "bos_token_id": vocabulary[START],
            "eos_token_id": vocabulary[END],
            "pad_token_id": vocabulary[END],
        },
        "vision_config": {
            **tower,
            "model_type": "clip_vision_model",
            "image_size": _IMAGE,
            "patch_size": _PATCH,
            "num_channels": 3,
        },
    }


def tiny_weights(seed: int) -> dict[str, FloatArray]:
    """The weights with which CLIP starts, drawn by NumPy, by name, of the shapes of the model.

    Their deviations are those of `initialize_parameters` in https://github.com/openai/CLIP (arXiv
    2103.00020); they are float32.

    >>> weights = tiny_weights(seed=0)
    >>> weights["visual_projection.weight"].shape, sum(x.size for x in weights.values())
    ((64, 64), 258945)
    """
    rng = np.random.default_rng(seed)

    def normal(std: float, *shape: int) -> FloatArray:
        return rng.normal(0, std, shape).astype(np.float32)

    patches = (_IMAGE // _PATCH) ** 2
    weights: dict[str, FloatArray] = {"logit_scale": np.asarray(log(1 / 0.07), np.float32)}
    text, vision = "text_model", "vision_model"
    weights |= {
        f"{text}.embeddings.token_embedding.weight": normal(0.02, len(_vocabulary()), _WIDTH),
        f"{text}.embeddings.position_embedding.weight": normal(0.01, _POSITIONS, _WIDTH),
        f"{vision}.embeddings.class_embedding": normal(_WIDTH**-0.5, _WIDTH),
        f"{vision}.embeddings.patch_embedding.weight": normal(0.02, _WIDTH, 3, _PATCH, _PATCH),
        f"{vision}.embeddings.position_embedding.weight": normal(_WIDTH**-0.5, patches + 1, _WIDTH),
        "text_projection.weight": normal(_WIDTH**-0.5, _WIDTH, _WIDTH),
        "visual_projection.weight": normal(_WIDTH**-0.5, _WIDTH, _WIDTH),
    }
    norms = [f"{text}.final_layer_norm", f"{vision}.pre_layrnorm", f"{vision}.post_layernorm"]
    for tower in (text, vision):
        for i in range(_LAYERS):
            layer = f"{tower}.encoder.layers.{i}"
            norms += [f"{layer}.layer_norm1", f"{layer}.layer_norm2"]
            for name, (outputs, inputs, std) in _linear_layers().items():
                weights[f"{layer}.{name}.weight"] = normal(std, outputs, inputs)
                weights[f"{layer}.{name}.bias"] = np.zeros(outputs, np.float32)
    for name in norms:
        weights[f"{name}.weight"] = np.ones(_WIDTH, np.float32)
        weights[f"{name}.bias"] = np.zeros(_WIDTH, np.float32)
    return weights


def _linear_layers() -> dict[str, tuple[int, int, float]]:
    """Outputs, inputs and standard deviation of layers; it is less where many add to one stream."""
    single, stacked = _WIDTH**-0.5, (2 * _LAYERS * _WIDTH) ** -0.5
    attention = {
        f"self_attn.{name}_proj": (_WIDTH, _WIDTH, stacked if name == "out" else single)
        for name in ("q", "k", "v", "out")
    }
    return attention | {
        "mlp.fc1": (4 * _WIDTH, _WIDTH, (2 * _WIDTH) ** -0.5),
        "mlp.fc2": (_WIDTH, 4 * _WIDTH, stacked),
    }


def _vocabulary() -> dict[str, int]:
    """CLIP's vocabulary without its merges: 256 bytes within words, 256 at ends, start and end."""
    # In GPT-2's alphabet printable bytes are themselves, and the others the characters from 256 on.
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = [chr(x) for x in printable] + [chr(256 + i) for i in range(len(others))]
    tokens = [*letters, *(letter + "</w>" for letter in letters), START, END]
    return {token: i for i, token in enumerate(tokens)}


def _preprocessing() -> dict[str, Any]:
    return {
        "image_processor_type": "CLIPImageProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"shortest_edge": _IMAGE},
        "resample": 3,
        "do_center_crop": True,
        "crop_size": {"height": _IMAGE, "width": _IMAGE},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
    }
