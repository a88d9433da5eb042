"""The settings of a TinyCLIP: the peer's own configuration, and the config.json that we write."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gcl_spec.errors import DataError
from gcl_spec.models.blocks import PRUNED
from gcl_spec.models.config_json import read_json
from gcl_spec.models.tinyclip.shape import Shape, Tower

__all__ = ["HEAD", "find_config", "hub_settings"]

HEAD = 64
"""The width of a head in every published TinyCLIP, which is assumed where no configuration is."""

_PARTS = {"embed_dim", "vision_cfg", "text_cfg"}
_VISION = {"image_size", "layers", "width", "head_width", "patch_size", "mlp_ratio"}
_TEXT = {"context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio"}

Settings = dict[str, Any]


def find_config(weights: Path) -> tuple[Path, Settings] | None:
    """The peer's configuration (`model_configs/*.json`) beside a file of weights, if there is one.

    It is the file of the same name, or the only one in the folder.

    Raises:
        DataError: there are several, or it has a setting of another architecture.
    """
    own = weights.with_suffix(".json")
    paths = [own] if own.is_file() else sorted(weights.parent.glob("*.json"))
    configs = [(path, content) for path in paths if (content := _read(path)).keys() >= _PARTS]
    if len(configs) > 1:
        raise DataError(
            f"{weights.parent}: the configurations of several models ("
            f"{', '.join(path.name for path, _ in configs)}); name that of {weights.name} "
            f"{own.name}"
        )
    for path, content in configs:
        for part, known in (("vision_cfg", _VISION), ("text_cfg", _TEXT)):
            table = content[part]
            given = {key for key, x in table.items() if x is not None} if _is(table) else {part}
            if given - known:
                raise DataError(
                    f"{path}: {part}: {min(given - known)!r} is no setting of a TinyCLIP's "
                    "transformers"
                )
    return configs[0] if configs else None


def _is(table: object) -> bool:
    return isinstance(table, dict)


def _read(path: Path) -> Settings:
    """The object in a file; an empty one where it holds something else, such as a vocabulary."""
    try:
        return read_json(path)
    except DataError:
        return {}


def hub_settings(shape: Shape, config: tuple[Path, Settings] | None, where: str) -> Settings:
    """The content of config.json: that of a `CLIPModel` where the shape is one, else our own.

    Ours has `gcl_spec.models.blocks.PRUNED` as type, and lists of numbers of heads and of MLP
    widths by block. The activation is exact GELU, unless the configuration says `quick_gelu`.

    Args:
        shape: what the weights are made of.
        config: the peer's configuration with its path.
        where: the file of the weights, for errors.

    Raises:
        DataError: the configuration is of another model, or heads do not divide a block.
    """
    heads = {"image": HEAD, "text": HEAD}
    content: Settings = {}
    if config is not None:
        path, content = config
        _check(shape, content, f"{path} and {where}")
        heads = _heads(shape, content, str(path))
    act = "quick_gelu" if content.get("quick_gelu") is True else "gelu"
    known = config is not None
    towers = {
        "text_config": _tower(shape.text, "text", heads["text"], act, where, known=known)
        | {
            "max_position_embeddings": shape.length,
            "vocab_size": shape.words,
            "bos_token_id": max(shape.words - 2, 0),
            "eos_token_id": shape.words - 1,
            "pad_token_id": shape.words - 1,
        },
        "vision_config": _tower(shape.image, "image", heads["image"], act, where, known=known)
        | {
            "image_size": shape.side * shape.patch,
            "patch_size": shape.patch,
            "num_channels": shape.channels,
        },
    }
    if shape.is_even:
        for tower in towers.values():
            tower["num_attention_heads"] = tower["num_attention_heads"][0]
            tower["intermediate_size"] = tower["intermediate_size"][0]
            del tower["head_dim"]
    kind, name = ("clip", "CLIPModel") if shape.is_even else (PRUNED, "PrunedClip")
    return {"architectures": [name], "model_type": kind, "projection_dim": shape.joint, **towers}


def _tower(tower: Tower, name: str, head: int, act: str, where: str, *, known: bool) -> Settings:
    for number, inner in enumerate(tower.inner):
        if inner % head:
            way = "" if known else (
                "; it is assumed, since no configuration (embed_dim, vision_cfg, text_cfg) lies "
                "beside the weights: put the model's json from TinyCLIP's model_configs there"
            )  # fmt: skip
            raise DataError(
                f"{where}: a TinyCLIP of unknown shape: block {number} of the {name} tower has "
                f"heads of {inner} numbers together, which are no heads of {head}{way}"
            )
    return {
        "hidden_size": tower.width,
        "num_hidden_layers": len(tower.inner),
        "num_attention_heads": [inner // head for inner in tower.inner],
        "intermediate_size": list(tower.hidden),
        "head_dim": head,
        "hidden_act": act,
        "layer_norm_eps": 1e-5,
    }


def _heads(shape: Shape, content: Settings, where: str) -> dict[str, int]:
    """The width of a head by tower: width / heads of texts, for both where blocks were pruned."""
    text, vision = content["text_cfg"], content["vision_cfg"]
    width, count = text.get("width", 512), text.get("heads", 8)
    own = vision.get("head_width", HEAD)
    for key, x in (("text_cfg.width", width), ("text_cfg.heads", count), ("head_width", own)):
        if type(x) is not int or x < 1:
            raise DataError(f"{where}: {key} is {x!r:.60}; a whole number above 0 is meant")
    if width % count:
        raise DataError(f"{where}: text_cfg.heads is {count}, which does not divide width {width}")
    return {"image": own if shape.is_even else width // count, "text": width // count}


def _check(shape: Shape, content: Settings, where: str) -> None:
    """Raise a `DataError` where a configuration contradicts the weights; widths may be less."""
    image, text = content["vision_cfg"], content["text_cfg"]
    exact: Mapping[str, tuple[Any, int]] = {
        "embed_dim": (content["embed_dim"], shape.joint),
        "vision_cfg.layers": (image.get("layers", 12), len(shape.image.inner)),
        "vision_cfg.image_size": (image.get("image_size", 224), shape.side * shape.patch),
        "vision_cfg.patch_size": (image.get("patch_size", 16), shape.patch),
        "text_cfg.layers": (text.get("layers", 12), len(shape.text.inner)),
        "text_cfg.context_length": (text.get("context_length", 77), shape.length),
        "text_cfg.vocab_size": (text.get("vocab_size", 49408), shape.words),
    }
    for key, (given, own) in exact.items():
        if given != own:
            raise DataError(f"{where} are not of one model: {key} is {given!r:.60}, weights {own}")
    for key, given, tower in (
        ("vision_cfg.width", image.get("width", 768), shape.image),
        ("text_cfg.width", text.get("width", 512), shape.text),
    ):
        if (
            type(given) is not int
            or given < tower.width
            or (given != tower.width and tower.is_even)
        ):
            raise DataError(
                f"{where} are not of one model: {key} is {given!r:.60}, weights {tower.width}"
            )
