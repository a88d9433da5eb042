"""Makes a checkpoint folder of ours of TinyCLIP's original weights, once, in the cache."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from gcl_spec._files.atomic import atomic_write
from gcl_spec._files.reading import open_regular
from gcl_spec.config.cache_folder import made_once
from gcl_spec.errors import DataError
from gcl_spec.models.config_json import read_json
from gcl_spec.models.open_clip_names import renamed
from gcl_spec.models.tinyclip.names import flat_weights, is_named_so
from gcl_spec.models.tinyclip.settings import find_config, hub_settings
from gcl_spec.models.tinyclip.shape import Shape, read_shape
from gcl_spec.models.tinyclip.words import write_tokenizer
from gcl_spec.models.torch_file import read_state_dict, tensor_shapes
from gcl_spec.models.weights import read_weights, tensor_names

__all__ = ["NOTES", "converted", "tinyclip_file"]

NOTES = "gcl_notes"
"""The lines in config.json that a user should hear before training."""

_VERSION = 2  # raise it whenever the same files are written otherwise
_MEAN, _STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
_ENDS = (".safetensors", ".pt", ".pth")
_TOKENIZER = (
    "tokenizer.json", "vocab.json", "merges.txt", "bpe_simple_vocab_16e6.txt",
    "bpe_simple_vocab_16e6.txt.gz",
)  # fmt: skip


def tinyclip_file(path: Path) -> Path | None:
    """The file of a TinyCLIP's original weights: `path` itself, or the one in this folder.

    A folder that says in its config.json what it is, and has weights in transformers' layout, is
    none; nor is one in which other weights lie as well.

    Raises:
        DataError: a file cannot be read, is a pickle that names code, or is one of several.
    """
    if path.is_file():
        return path if path.suffix in _ENDS and is_named_so(_names(path)) else None
    if any(path.glob("model*.safetensors")) and _has_type(path):
        return None
    files = [file for file in sorted(path.iterdir()) if file.suffix in _ENDS and file.is_file()]
    safe = [file for file in files if file.suffix == _ENDS[0]]
    chosen = safe or files
    tinyclips = [file for file in chosen if _begins_as_one(file) and is_named_so(_names(file))]
    if len(tinyclips) > 1:
        names = ", ".join(file.name for file in tinyclips)
        raise DataError(
            f"{path}: the weights of {len(tinyclips)} models ({names}); give one of these files as "
            "model.path"
        )
    return chosen[0] if tinyclips and tinyclips == chosen else None


def _begins_as_one(file: Path) -> bool:
    """Is this a file of tensors by its first bytes? Of others, other modules say what they are."""
    with open_regular(file) as opened:
        beginning = opened.read(16)
    if file.suffix == _ENDS[0]:  # the length of a header, and a header in JSON
        return beginning[8:9] == b"{"
    return beginning.startswith((b"PK", b"\x80"))


def _has_type(folder: Path) -> bool:
    path = folder / "config.json"
    return path.is_file() and "model_type" in read_json(path)


def _names(file: Path) -> set[str]:
    return tensor_names(file) if file.suffix == _ENDS[0] else {*tensor_shapes(file)}


def converted(file: Path, cache: Path) -> Path:
    """A folder in the hub's layout, in `cache`, made of a file of TinyCLIP's weights.

    It is a `CLIPModel` where the model has that form, and else one of the type
    `gcl_spec.models.blocks.PRUNED`.

    Raises:
        DataError: weights of another shape, a configuration that does not fit, no tokenizer.
        FileError: the folder cannot be written.
    """
    inputs = [file, *sorted(file.parent.glob("*.json"))]
    inputs += [path for name in _TOKENIZER if (path := file.parent / name).is_file()]
    stats = [(str(path.resolve()), path.stat()) for path in inputs]
    seen = "\n".join(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in stats)
    name = hashlib.sha256(seen.encode(errors="surrogateescape")).hexdigest()[:16]
    return made_once(
        cache / f"tinyclip-{_VERSION}-{name}", lambda temporary: _convert(file, temporary)
    )


def _convert(file: Path, out: Path) -> None:
    from safetensors.numpy import save as to_bytes

    read = read_weights([file]) if file.suffix == _ENDS[0] else read_state_dict(file)
    wrong = next((name for name, x in read.items() if x.dtype.kind != "f"), None)
    flat, masks = flat_weights(read, str(file))
    shape = read_shape({name: x.shape for name, x in flat.items()}, str(file))
    if wrong is not None:
        raise DataError(f"{file}: {wrong!r} holds no decimal numbers")
    config = find_config(file)
    settings = hub_settings(shape, config, str(file))
    notes = _notes(file, masks, assumed=config is None)
    settings |= {NOTES: notes} if notes else {}
    write_tokenizer(file.parent, out, words=shape.words, length=shape.length)
    files = {"config.json": settings, "preprocessor_config.json": _pictures(shape)}
    for name, values in files.items():
        (out / name).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    weights = {name: np.asarray(x, np.float32) for name, x in renamed(flat, str(file)).items()}
    weights["logit_scale"] = weights["logit_scale"].reshape(())
    content = to_bytes(weights, {"format": "pt"})
    with atomic_write(out / "model.safetensors", size=len(content)) as target:
        target.write(content)


def _notes(file: Path, masks: int, *, assumed: bool) -> list[str]:
    """Lines that a user should hear before training."""
    notes = []
    if assumed:
        notes.append(
            f"{file}: no configuration of the model lies beside it: heads of 64 numbers and exact "
            "GELU are assumed, as in all published TinyCLIPs"
        )
    if masks:
        notes.append(
            f"{file}: {masks} tensors l0_module.*, the masks of a pruning that has not been "
            "carried out, are not applied"
        )
    return notes


def _pictures(shape: Shape) -> dict[str, Any]:
    """The content of preprocessor_config.json: resize, centre crop, and only then RGB."""
    side = shape.side * shape.patch
    return {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": side},
        "do_center_crop": True,
        "crop_size": {"height": side, "width": side},
        "resample": 3,
        "image_mean": _MEAN,
        "image_std": _STD,
        "gcl_rgb_last": True,
    }
