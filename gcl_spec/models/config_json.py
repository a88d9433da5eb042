"""A checkpoint's config.json, read so that nothing it names is fetched or run."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gcl_spec._files.reading import parse_json, read_regular
from gcl_spec._words import LFS_POINTER, is_lfs_pointer
from gcl_spec.errors import DataError
from gcl_spec.models.blocks import BY_BLOCK, PRUNED, check_blocks

__all__ = ["clip_settings", "model_settings", "read_json", "whole_settings"]

Settings = dict[str, Any]
Shapes = Mapping[str, tuple[int, ...]]

# These name code of the folder, kernels and adapters of the hub, other files, and how an earlier
# program computed; none of them says what the model is.
_LEFT_OUT = frozenset(
    {
        *("auto_map", "custom_pipelines", "adapter_kwargs", "base_model_name_or_path"),
        *("attn_implementation", "_attn_implementation", "_attn_implementation_internal"),
        *("_attn_implementation_autoset", "use_kernels", "kernel_config", "fusion_config"),
        *("experts_implementation", "_experts_implementation", "_experts_implementation_internal"),
        *("transformers_weights", "name_or_path", "_name_or_path", "_commit_hash"),
        *("distributed_config", "device_map", "tp_plan", "dtype", "torch_dtype"),
    }
)

# The defaults of transformers' CLIPTextConfig and CLIPVisionConfig (version 5) fill in what a
# checkpoint leaves out.
_TEXT = {
    "vocab_size": 49408, "hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 12,
    "num_attention_heads": 8, "max_position_embeddings": 77, "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5, "eos_token_id": 49407,
}  # fmt: skip
_VISION = {
    "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
    "num_attention_heads": 12, "num_channels": 3, "image_size": 224, "patch_size": 32,
    "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5,
}  # fmt: skip
_TOWERS = {"text_config": _TEXT, "vision_config": _VISION}
_KINDS = ("clip", PRUNED)
_PRUNED = {"head_dim": 64}
_WIDTH = 512


def read_json(path: Path) -> Settings:
    """The object in a JSON file; a `DataError` where it is missing or damaged."""
    try:
        content = read_regular(path)
        if is_lfs_pointer(content):
            raise DataError(f"{path}: {LFS_POINTER}")
        settings = parse_json(content.decode("utf-8"))
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{path.parent}: no {path.name}; is this a checkpoint's folder?") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot read it: {error}") from error
    if not isinstance(settings, dict):
        raise DataError(f"{path}: not a JSON object")
    return settings


def model_settings(folder: Path) -> Settings:
    """The settings in a checkpoint's config.json, those of its towers among them.

    They are without whatever could make a library run code of the folder or fetch code from the
    hub, and without the nulls of a CLIP, which stand for transformers' defaults.

    Raises:
        DataError: a missing or damaged file, or quantised weights.
    """
    path = folder / "config.json"
    settings = _without(read_json(path), path)
    if settings.get("model_type") in _KINDS:
        settings = _without_nulls(settings, {"projection_dim", "text_config", "vision_config"})
        for name, defaults in _TOWERS.items():
            # Older files have this as well; as in transformers it goes first, with its defaults.
            older = settings.pop(f"{name}_dict", None)
            if isinstance(older, dict):
                newer = settings[name] if isinstance(settings.get(name), dict) else {}
                settings[name] = {**newer, **defaults, **_without_nulls(older, defaults)}
            if isinstance(settings.get(name), dict):
                settings[name] = _without_nulls(settings[name], defaults)
    return settings


def _without(settings: Settings, path: Path) -> Settings:
    if settings.get("quantization_config") or settings.get("compression_config"):
        raise DataError(
            f"{path}: quantization_config: quantised weights cannot be trained; take the "
            "checkpoint that was quantised"
        )
    return {
        key: _without(value, path) if isinstance(value, dict) else value
        for key, value in settings.items()
        if key not in _LEFT_OUT and key != "quantization_config"
    }


def _without_nulls(settings: Settings, known: Any) -> Settings:
    return {k: x for k, x in settings.items() if x is not None or k not in known}


def whole_settings(folder: Path, shapes: Shapes) -> Settings:
    """The settings of a checkpoint's model; those of a CLIP are checked and complete.

    Args:
        folder: the checkpoint.
        shapes: the shapes of its weights, by name.

    Raises:
        DataError: `model_settings` or `clip_settings` refuses the file.
    """
    settings = model_settings(folder)
    if settings.get("model_type") in _KINDS:
        for name, part in clip_settings(settings, shapes, str(folder / "config.json")).items():
            settings[name] = settings.get(name, {}) | part if isinstance(part, dict) else part
    return settings


def clip_settings(settings: Settings, shapes: Shapes, where: str) -> Settings:
    """The settings of a CLIP, checked and complete.

    Args:
        settings: the result of `model_settings`; of the type "clip" or `PRUNED`.
        shapes: the shapes of the weights, by name.
        where: the config file, for errors.

    Returns:
        "text_config" and "vision_config" with all that the towers are made of, and
        "projection_dim".

    Raises:
        DataError: a value of the wrong kind or range, or one that the weights contradict.
    """
    complete_settings: Settings = {"projection_dim": settings.get("projection_dim", _WIDTH)}
    _whole(complete_settings["projection_dim"], "projection_dim", where)
    by_block = BY_BLOCK if settings.get("model_type") == PRUNED else ()
    for name, defaults in _TOWERS.items():
        given = settings.get(name, {})
        if not isinstance(given, dict):
            raise DataError(f"{where}: {name} is {_short(given)}; an object is meant")
        known = defaults | _PRUNED if by_block else defaults
        complete_settings[name] = {**known, **{key: x for key, x in given.items() if key in known}}
        complete_settings[name] = _checked(complete_settings[name], name, where, by_block)
    _fits(complete_settings, shapes, where)
    if by_block:
        for name in _TOWERS:
            check_blocks(complete_settings[name], name, shapes, where)
    return complete_settings


def _checked(tower: Settings, name: str, where: str, by_block: tuple[str, ...]) -> Settings:
    for key, value in tower.items():
        place = f"{name}.{key}"
        if key == "hidden_act":
            if not isinstance(value, str):
                raise DataError(f"{where}: {place} is {_short(value)}; a name is meant")
        elif key == "layer_norm_eps":
            if type(value) not in (int, float) or not 0 <= value < math.inf:
                raise DataError(f"{where}: {place} is {_short(value)}; a small number is meant")
        elif key == "eos_token_id":
            tower = tower | {key: _end(value, place, where)}
        elif key not in by_block:
            _whole(value, place, where)
    if not by_block and tower["hidden_size"] % tower["num_attention_heads"]:
        raise DataError(
            f"{where}: {name}.num_attention_heads is {tower['num_attention_heads']}, which does "
            f"not divide hidden_size {tower['hidden_size']}"
        )
    return tower


def _whole(value: Any, place: str, where: str) -> None:
    if type(value) is not int or value < 1:
        raise DataError(f"{where}: {place} is {_short(value)}; a whole number above 0 is meant")


def _end(value: Any, place: str, where: str) -> int:
    """The id of the end token, which some files give in a list."""
    single = value[0] if isinstance(value, list) and len(value) == 1 else value
    if type(single) is not int or single < 0:
        raise DataError(f"{where}: {place} is {_short(value)}; the number of one token is meant")
    return single


def _fits(settings: Settings, shapes: Shapes, where: str) -> None:
    """Raise a `DataError` where sizes contradict the weights, before memory is taken for them."""
    for name, sizes in _sizes(settings).items():
        for (key, size), own in zip(sizes.items(), shapes.get(name, ()), strict=False):
            if size != own and not isinstance(size, list):
                raise DataError(
                    f"{where}: {key} is {size}, but the weight {name} has shape {shapes[name]}; "
                    "config.json and weights are not of one model"
                )
    for tower in ("text", "vision"):
        layers = {n.split(".")[3] for n in shapes if n.startswith(f"{tower}_model.encoder.layers.")}
        if layers and settings[f"{tower}_config"]["num_hidden_layers"] > len(layers):
            raise DataError(
                f"{where}: {tower}_config.num_hidden_layers is "
                f"{settings[f'{tower}_config']['num_hidden_layers']}, but there are weights of "
                f"{len(layers)} layers"
            )


def _sizes(settings: Settings) -> dict[str, dict[str, Any]]:
    """The leading sizes of a CLIP's weights by name, each with the settings that give them."""
    text, vision, width = (
        settings["text_config"],
        settings["vision_config"],
        settings["projection_dim"],
    )
    patch = vision["patch_size"]
    places = (vision["image_size"] // patch) ** 2 + 1
    return {
        "text_model.embeddings.token_embedding.weight": {
            "text_config.vocab_size": text["vocab_size"],
            "text_config.hidden_size": text["hidden_size"],
        },
        "text_model.embeddings.position_embedding.weight": {
            "text_config.max_position_embeddings": text["max_position_embeddings"]
        },
        "text_model.encoder.layers.0.mlp.fc1.weight": {
            "text_config.intermediate_size": text["intermediate_size"]
        },
        "vision_model.embeddings.patch_embedding.weight": {
            "vision_config.hidden_size": vision["hidden_size"],
            "vision_config.num_channels": vision["num_channels"],
            "vision_config.patch_size": patch,
        },
        "vision_model.embeddings.position_embedding.weight": {
            "vision_config.image_size, in patches and one more,": places
        },
        "vision_model.encoder.layers.0.mlp.fc1.weight": {
            "vision_config.intermediate_size": vision["intermediate_size"]
        },
        "text_projection.weight": {"projection_dim": width},
        "visual_projection.weight": {"projection_dim": width},
    }


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
