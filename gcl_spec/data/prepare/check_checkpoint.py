"""Checks that the files of a checkpoint fit each other, before anything is trained on them."""

from math import exp
from pathlib import Path
from typing import Any

from gcl_spec.config.options import Config, OptimConfig
from gcl_spec.data.prepare.tokenizer import Tokenizer
from gcl_spec.errors import DataError
from gcl_spec.models.blocks import PRUNED
from gcl_spec.models.config_json import model_settings, read_json
from gcl_spec.models.pretrained import clip_folder
from gcl_spec.models.tinyclip.convert import NOTES
from gcl_spec.models.weights import load_weights

__all__ = ["check_picture_size", "model_warnings", "text_warnings"]

_SIDES = {"clip": 224, "siglip": 224}  # the sides of pictures by transformers' defaults
# These models take a text's vector where the token of this default number stands; for some of them
# the number 2 means the largest number of the text.
_ENDS = {
    "clip": 49407,
    PRUNED: 49407,
    "clipseg": 49407,
    "groupvit": 49407,
    "metaclip_2": 2,
    "aimv2": 49407,
}
_LARGEST = ("clip", "clipseg", "groupvit")
_OLD_END = 2
_SHOWN = 3


def check_picture_size(folder: Path, shape: tuple[int, int]) -> None:
    """Check that the pictures that a folder's preprocessing makes fit its model.

    Args:
        folder: the checkpoint.
        shape: height and width of the pictures.

    Raises:
        DataError: they do not fit.
    """
    settings = model_settings(folder)
    for name in ("vision_config", "image_config"):
        tower = settings.get(name, {})
        given = tower.get("image_size") if isinstance(tower, dict) else None
        side = given or _SIDES.get(str(settings.get("model_type")))
        wanted = tuple(side) if isinstance(side, list) else (side, side)
        if all(type(x) is int for x in wanted) and wanted != shape:
            there = folder / "processor_config.json"
            own = there if there.is_file() else folder / "preprocessor_config.json"
            raise DataError(
                f"{own} makes pictures of {shape[0]} x {shape[1]}, but {folder / 'config.json'} "
                f"has {name}.image_size = {given if given is not None else side}: set size and "
                f"crop_size in {own.name} to that"
            )
        if given is not None or name not in settings:
            return


def model_warnings(config: Config) -> list[str]:
    """Lines on what a user of `model.path` should know before training.

    Raises:
        DataError: the checkpoint cannot be read.
    """
    if config.model.kind != "clip" or config.model.path == "tiny":
        return []
    folder = clip_folder(config)
    return [*_left_out(folder), *_scale(config.optim, folder), *text_warnings(config)]


def text_warnings(config: Config) -> list[str]:
    """Lines on what is wrong between the tokenizer of a checkpoint and its model."""
    if config.model.kind != "clip" or config.model.path == "tiny":
        return []
    folder = clip_folder(config)
    tokenizer = Tokenizer.from_folder(folder)
    return [*_ends(folder, tokenizer), *_vocabulary(folder, tokenizer)]


def _left_out(folder: Path) -> list[str]:
    notes = [str(note) for note in read_json(folder / "config.json").get(NOTES, [])]
    if (folder / "adapter_config.json").is_file():
        notes.append(f"{folder / 'adapter_config.json'}: this adapter is not applied to the model")
    if read_json(folder / "config.json").get("auto_map"):
        notes.append(
            f"{folder / 'config.json'}: auto_map names code in the folder, which is never run; the "
            "model is that of transformers"
        )
    return notes


def _scale(optim: OptimConfig, folder: Path) -> list[str]:
    """A line where the first step would clamp the scale of the checkpoint."""
    stored = load_weights(folder, only=("logit_scale",)).get("logit_scale")
    if optim.scale or not optim.learn_scale or stored is None or stored.size != 1:
        return []
    scale = exp(min(float(stored.reshape(())), 700.0))
    if scale <= optim.max_scale * (1 + 1e-6):
        return []
    return [
        f"the checkpoint's scale is {scale:.6g}, above optim.max_scale = {optim.max_scale:g}, to "
        f"which a learned scale is clamped from the first step on: to keep it set "
        f"optim.max_scale={10 * scale:.0f}, or optim.learn_scale=false"
    ]


def _ends(folder: Path, tokenizer: Tokenizer) -> list[str]:
    settings = model_settings(folder)
    kind = str(settings.get("model_type"))
    if kind not in _ENDS:
        return []
    end = tokenizer.end()
    given = _end_of(settings, kind)
    key = f"{folder / 'config.json'}: text_config.eos_token_id"
    if end is None:
        return [
            f"{folder}: the tokenizer puts no end token behind texts, at which a {kind} model "
            "takes its vector; use the tokenizer that the model was trained with"
        ]
    number, token = end
    if given == number:
        return []
    if given == _OLD_END and kind in _LARGEST:
        above = tokenizer.tokens_above(number)
        if not above:
            return []
        shown = ", ".join(map(repr, above[:_SHOWN])) + (", ..." if len(above) > _SHOWN else "")
        return [
            f"{key} = {given}, so the model ends a text at its largest token, but the tokenizer "
            f"ends it with {token!r} ({number}) and has larger ones ({shown}): all texts with one "
            f"of them get nearly the same row; set eos_token_id to {number} there"
        ]
    return [
        f"{key} = {given}, but the tokenizer ends texts with {token!r} ({number}): the model would "
        f"take its vector elsewhere, the same for all texts; set eos_token_id to {number} there"
    ]


def _end_of(settings: dict[str, Any], kind: str) -> object:
    text = settings.get("text_config")
    given = text.get("eos_token_id") if isinstance(text, dict) else None
    if isinstance(given, list) and len(given) == 1:
        given = given[0]
    return _ENDS[kind] if given is None else given


def _vocabulary(folder: Path, tokenizer: Tokenizer) -> list[str]:
    unknown = list(tokenizer.unknown_tokens().items())
    if not unknown:
        return []
    shown = ", ".join(f"{token!r} ({number})" for token, number in unknown[:_SHOWN])
    return [
        f"{folder}: the tokenizer has {len(unknown)} tokens past the {tokenizer.rows} rows of the "
        f"model's token embedding: {shown}; a text with one of them is an error"
    ]
