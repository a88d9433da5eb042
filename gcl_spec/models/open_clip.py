"""Checkpoints in open_clip's own layout, written again in the layout of the hub's CLIP models.

Names of weights and settings are those of `model.py` and `transformer.py` in
https://github.com/mlfoundations/open_clip.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gcl_spec._files.atomic import atomic_write
from gcl_spec.config.cache_folder import made_once
from gcl_spec.errors import DataError
from gcl_spec.models.config_json import read_json
from gcl_spec.models.open_clip_names import renamed
from gcl_spec.models.weights import read_weights

__all__ = ["converted", "is_open_clip"]

_CONFIG, _WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"
_VERSION = 1  # raise it whenever the same files are written otherwise
_TOKENIZER = (
    "tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json"
)  # fmt: skip
_MEAN, _STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
_LARGEST = 1e6
_FILTERS = {"bicubic": 3, "bilinear": 2}
# These settings of each part are known; another one makes another architecture.
_KNOWN = {
    "model_cfg": {"embed_dim", "vision_cfg", "text_cfg", "quick_gelu"},
    "vision_cfg": {"image_size", "layers", "width", "patch_size", "head_width", "mlp_ratio"},
    "text_cfg": {"context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio"},
    "preprocess_cfg": {"size", "mode", "mean", "std", "interpolation", "resize_mode", "fill_color"},
}


def is_open_clip(folder: Path) -> bool:
    """Has a folder weights in open_clip's layout, and none in transformers'?"""
    own = any(folder.glob("model*.safetensors"))
    return not own and (folder / _CONFIG).is_file() and (folder / _WEIGHTS).is_file()


def converted(folder: Path, cache: Path) -> Path:
    """A folder in the hub's layout, in `cache`, which is made of one in open_clip's layout once.

    Raises:
        DataError: another architecture than CLIP's, a missing tokenizer, damaged files.
        FileError: the folder cannot be written.
    """
    stat = (folder / _WEIGHTS).stat()
    seen = f"{folder.resolve()} {stat.st_size} {stat.st_mtime_ns} {read_json(folder / _CONFIG)}"
    name = hashlib.sha256(seen.encode(errors="surrogateescape")).hexdigest()[:16]
    out = cache / f"open-clip-{_VERSION}-{name}"
    return made_once(out, lambda temporary: _convert(folder, temporary))


def _convert(folder: Path, out: Path) -> None:
    from safetensors.numpy import save as to_bytes

    path = folder / _CONFIG
    content = read_json(path)
    model = _part(content, "model_cfg", path)
    vision, text = _part(model, "vision_cfg", path), _part(model, "text_cfg", path)
    weights = to_bytes(
        renamed(read_weights([folder / _WEIGHTS]), str(folder / _WEIGHTS)), {"format": "pt"}
    )
    settings = {
        "config.json": _settings(model, vision, text),
        "preprocessor_config.json": _pictures(
            _part({"preprocess_cfg": {}} | content, "preprocess_cfg", path), vision, path
        ),
    }
    for name in _TOKENIZER:
        if (folder / name).is_file():
            shutil.copy(folder / name, out / name)
    if not any((out / name).is_file() for name in ("tokenizer.json", "vocab.json")):
        raise DataError(
            f"{folder}: no tokenizer.json, nor vocab.json and merges.txt, beside {path}"
        )
    for name, values in settings.items():
        (out / name).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    with atomic_write(out / "model.safetensors", size=len(weights)) as file:
        file.write(weights)


def _part(content: Mapping[str, Any], name: str, path: Path) -> dict[str, Any]:
    """The settings of a part, without nulls; a `DataError` where some are not those of a CLIP."""
    settings = content.get(name)
    if not isinstance(settings, dict):
        raise DataError(f"{path}: no {name}; is this open_clip's configuration?")
    settings = {key: value for key, value in settings.items() if value is not None}
    others = sorted(settings.keys() - _KNOWN[name])
    if others:
        raise DataError(
            f"{path}: {name}.{others[0]} = {str(settings[others[0]])[:60]!r} makes another "
            "architecture than CLIP's own, and is not read; take the model in the layout of "
            "transformers, or one without it"
        )
    return settings


def _settings(
    model: dict[str, Any], vision: dict[str, Any], text: dict[str, Any]
) -> dict[str, Any]:
    """The content of config.json, whose values are checked where it is read."""
    act = "quick_gelu" if model.get("quick_gelu") else "gelu"
    image_width, text_width = vision.get("width", 768), text.get("width", 512)
    head = vision.get("head_width", 64)
    words = text.get("vocab_size", 49408)
    return {
        "architectures": ["CLIPModel"],
        "model_type": "clip",
        "projection_dim": model.get("embed_dim"),
        "text_config": {
            "hidden_size": text_width,
            "intermediate_size": _times(text_width, text.get("mlp_ratio", 4)),
            "num_attention_heads": text.get("heads", 8),
            "num_hidden_layers": text.get("layers", 12),
            "max_position_embeddings": text.get("context_length", 77),
            "vocab_size": words,
            "eos_token_id": words - 1 if isinstance(words, int) else words,
            "hidden_act": act,
        },
        "vision_config": {
            "hidden_size": image_width,
            "intermediate_size": _times(image_width, vision.get("mlp_ratio", 4)),
            "num_attention_heads": _times(image_width, 1 / head) if _is_size(head) else head,
            "num_hidden_layers": vision.get("layers", 12),
            "image_size": _side(vision),
            "patch_size": vision.get("patch_size", 16),
            "hidden_act": act,
        },
    }


def _is_size(value: Any) -> bool:
    return type(value) is int and value > 0


def _side(vision: dict[str, Any]) -> Any:
    """The side of the square pictures, which some files give twice."""
    size = vision.get("image_size", 224)
    twice = isinstance(size, list) and len(size) == 2 and size[0] == size[1]
    return size[0] if twice else size


def _times(width: Any, ratio: Any) -> Any:
    numbers = _is_size(width) and type(ratio) in (int, float) and 0 < ratio < _LARGEST
    return round(width * ratio) if numbers else ratio


def _pictures(settings: dict[str, Any], vision: dict[str, Any], path: Path) -> dict[str, Any]:
    mode, named = settings.get("resize_mode", "shortest"), settings.get("interpolation", "bicubic")
    if mode not in ("shortest", "squash") or str(named) not in _FILTERS:
        raise DataError(f"{path}: preprocess_cfg: resizing by {mode!r} and {named!r} is not known")
    side = _side(vision)
    square = {"height": side, "width": side}
    return {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": side} if mode == "shortest" else square,
        "do_center_crop": mode == "shortest",
        "crop_size": square,
        "resample": _FILTERS[str(named)],
        "image_mean": settings.get("mean", _MEAN),
        "image_std": settings.get("std", _STD),
    }
