"""Weights of checkpoints in the Hugging Face hub's layout, read into NumPy.

Only safetensors files are read. A pickled `pytorch_model.bin` can run any code when it is loaded.
"""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from gcl_spec._files.reading import open_regular, parse_json
from gcl_spec._words import LFS_POINTER, is_lfs_pointer, one_line
from gcl_spec.errors import DataError
from gcl_spec.models.config_json import read_json

__all__ = [
    "file_shapes", "load_weights", "read_weights", "tensor_names", "weight_files", "weight_shapes"
]  # fmt: skip

_SINGLE, _INDEX = "model.safetensors", "model.safetensors.index.json"
_INDEX_PARTS = ["safetensors", "index", "json"]
_BFLOAT16 = "BF16"  # NumPy has no such type
_DTYPES = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", _BFLOAT16: "<u2"},
    **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1"},
    **{"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?"},
}
# Other programs write these files.
_OTHERS = {
    "tf_model.h5": "weights of TensorFlow",
    "flax_model.msgpack": "weights of Flax",
    "*.gguf": "weights for llama.cpp",
    "*.onnx": "an ONNX graph",
    "*.ckpt": "a pickled checkpoint of another trainer",
    "*.pt": "a pickled checkpoint of another trainer",
    "*.pth": "a pickled checkpoint of another trainer",
    "*.bin": "only pickled weights",
    "*.safetensors": "safetensors of another name",
}
_CONVERT = (
    'To convert pickled weights that you trust: python -c "from transformers import AutoModel as '
    "M; M.from_pretrained('OLD').save_pretrained('NEW')\" and copy the other files; on the hub, "
    "look for a revision with safetensors, often 'owner/name@refs/pr/1'"
)


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a checkpoint: one, or the shards that its index names.

    Where there is none of the plain name, they are those of a variant (model.fp16.safetensors).

    Raises:
        DataError: there are no weights, or only pickled ones, weights of something else than a
            model, several variants, a damaged index, or a missing shard.
    """
    for single, index in ((_SINGLE, _INDEX), *_variants(folder)):
        if (folder / single).is_file():
            return [folder / single]
        if (folder / index).is_file():
            return _shards(folder / index)
    for name in (_SINGLE, _INDEX):
        if (folder / name).is_symlink():
            raise DataError(f"{folder / name}: a link to a file that is missing; download it again")
    raise DataError(f"{folder}: {_what_else(folder)}")


def _variants(folder: Path) -> list[tuple[str, str]]:
    """Names of the file and the index of the one variant that is there, such as "fp16"."""
    names = [path.name.split(".") for path in folder.glob("model.*")]
    variants = {x[1] for x in names if len(x) == 3 and x[2] == "safetensors" and "-of-" not in x[1]}
    variants |= {x[3] for x in names if len(x) == 5 and [*x[1:3], x[4]] == _INDEX_PARTS}
    if len(variants) > 1 and not any((folder / name).is_file() for name in (_SINGLE, _INDEX)):
        raise DataError(
            f"{folder}: the weights of several variants ({', '.join(sorted(variants))}); leave "
            f"one, or rename it to {_SINGLE}"
        )
    return [(f"model.{x}.safetensors", f"model.safetensors.index.{x}.json") for x in variants]


def _what_else(folder: Path) -> str:
    """A message on a folder without a model's weights: what it holds, and how to come to them."""
    if (folder / "config.toml").is_file():
        return "a run of gcl train; write its weights as a checkpoint with gcl export RUN DIR"
    adapter = folder / "adapter_config.json"
    if adapter.is_file():
        base = read_json(adapter).get("base_model_name_or_path")
        said = repr(one_line(base)[:200]) if isinstance(base, str) else "a model it does not name"
        return (
            f'an adapter of PEFT for {said}, not a model; add it to that: python -c "from '
            "transformers import AutoModel as M; from peft import PeftModel as P; "
            "P.from_pretrained(M.from_pretrained('BASE'), 'ADAPTER').merge_and_unload()"
            ".save_pretrained('NEW')\" and copy the tokenizer and preprocessor files of BASE"
        )
    if any(folder.glob("open_clip_*")):
        return (
            "a checkpoint in open_clip's own layout, of which open_clip_config.json and "
            "open_clip_model.safetensors are read, and pickled weights are not; take one with "
            "both, or the same model in the layout of transformers (model.safetensors)"
        )
    inner = sorted(path.parent for path in folder.glob("*/model*.safetensors"))
    if inner:
        return f"no weights here, but in {inner[0]}; give that folder as model.path"
    if any(folder.glob("models--*")):
        return "a cache of the hub; give the folder of one model in it, models--OWNER--NAME"
    for pattern, what in _OTHERS.items():
        names = sorted(path.name for path in folder.glob(pattern))
        if names and is_lfs_pointer(_beginning(folder / names[0])):
            return f"{names[0]}: {LFS_POINTER}"
        if names:
            end = f". {_CONVERT}" if pattern == "*.bin" else "; look for one with that file"
            return f"{what} ({names[0]}), which are not read; {_SINGLE} is needed{end}"
    return f"no weights; {_SINGLE} is needed. {_CONVERT}"


def _beginning(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read(64)
    except OSError:  # this may be a folder of that name
        return b""


def _shards(index: Path) -> list[Path]:
    names = read_json(index).get("weight_map")
    if not isinstance(names, dict) or not names:
        raise DataError(f"{index}: no weight_map, so the shards are not known")
    paths = []
    for name in sorted(set(names.values()), key=str):
        if not isinstance(name, str) or Path(name).name != name or "\\" in name:
            raise DataError(f"{index}: {name!r} is not the name of a file beside it")
        if not (index.parent / name).is_file():
            raise DataError(f"{index.parent}: the shard {name} is missing; download it again")
        paths.append(index.parent / name)
    return paths


def weight_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name, without reading them; `load_weights` has the errors."""
    return {name: x for path in weight_files(folder) for name, x in file_shapes(path).items()}


def file_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights of a safetensors file by name; a `DataError` for a damaged one."""
    return {name: tuple(entry["shape"]) for name, entry in _header(path)[0].items()}


def tensor_names(path: Path) -> set[str]:
    """The names of the weights in a safetensors file; a `DataError` where it is damaged."""
    return {*_header(path)[0]}


def load_weights(folder: Path, only: Collection[str] | None = None) -> dict[str, npt.NDArray[Any]]:
    """A checkpoint's weights by name, with the names and layouts of the file.

    Args:
        folder: the checkpoint.
        only: names of the weights to read, as far as they are there; all when not given.

    Returns:
        Arrays of the shapes in the file. Every floating type becomes float32, bfloat16, float16 and
        float64 among them; other types stay.

    Raises:
        DataError: `weight_files` refuses the folder, a file is damaged, or it has a type that NumPy
            cannot hold.
    """
    return read_weights(weight_files(folder), only)


def read_weights(
    paths: Iterable[Path], only: Collection[str] | None = None
) -> dict[str, npt.NDArray[Any]]:
    """The weights in some files by name, as `load_weights` gives them.

    Raises:
        DataError: a file is damaged, two hold the same name, or one has a type that NumPy cannot
            hold.
    """
    weights: dict[str, npt.NDArray[Any]] = {}
    for path in paths:
        header, start = _header(path)
        for name, entry in header.items():
            if name in weights:
                raise DataError(f"{path}: {name} is in another shard too")
            if only is not None and name not in only:
                continue
            weights[name] = _tensor(path, name, entry, start)
    return weights


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """The entries of a safetensors file, and where its data starts."""
    from safetensors import SafetensorError, safe_open

    if is_lfs_pointer(_beginning(path)):
        raise DataError(f"{path}: {LFS_POINTER}")
    try:
        with safe_open(path, framework="numpy"):  # this checks the header, offsets and sizes
            pass
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = cast("dict[str, Any]", parse_json(file.read(length)))
    except (OSError, SafetensorError, ValueError) as error:
        raise DataError(f"{path}: not a readable safetensors file: {error}") from error
    if len(header) > _MOST_TENSORS:
        raise DataError(
            f"{path}: it holds {len(header):,} tensors, which no model of this kind has; at most "
            f"{_MOST_TENSORS:,} are read"
        )
    return {name: x for name, x in header.items() if name != "__metadata__"}, 8 + length


_MOST_TENSORS = 2**16
"""The most weights of one file; models of a billion weights have a few thousand."""


def _tensor(path: Path, name: str, entry: dict[str, Any], start: int) -> npt.NDArray[Any]:
    code = entry["dtype"]
    if code not in _DTYPES:
        raise DataError(
            f"{path}: {name} has the type {code}; of quantised checkpoints take the original"
        )
    dtype, shape = np.dtype(_DTYPES[code]), tuple(entry["shape"])
    begin, end = entry["data_offsets"]
    with path.open("rb") as file:
        file.seek(start + begin)
        values = np.fromfile(file, dtype, (end - begin) // dtype.itemsize).reshape(shape)
    if code == _BFLOAT16:  # bfloat16 is the upper half of a float32
        return np.asarray(values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float32, copy=False) if dtype.kind == "f" else values
