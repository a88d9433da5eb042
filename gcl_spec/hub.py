"""Checkpoints in the Hugging Face hub's layout: found on disk or fetched, and read into NumPy.

Only safetensors files are read. A pickled `pytorch_model.bin` can run any code when it is loaded.
"""

import re
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from gcl_spec._reading import is_folder, parse_json, read_regular
from gcl_spec.data.root import FolderRoot
from gcl_spec.errors import DataError

__all__ = ["load_weights", "model_folder", "read_json", "weight_files", "weight_shapes"]

# Configurations, weights, tokenizer; not the exports to other formats in a repository's subfolders.
_WANTED = ["*.json", "*.safetensors", "*.txt"]
_UNWANTED = ["*/*"]
# What we or transformers open in a checkpoint's folder.
_READ = (".json", ".safetensors", ".txt", ".jinja", ".model")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")

_BFLOAT16 = "BF16"  # NumPy has no such type
_DTYPES = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", _BFLOAT16: "<u2"},
    **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1"},
    **{"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?"},
}


def model_folder(path_or_id: str | Path) -> Path:
    """The folder of a checkpoint: an existing one as it is, else a hub id's snapshot.

    Args:
        path_or_id: a folder, or "owner/name" or "owner/name@revision" (a branch, tag or commit) on
            the hub. What is downloaded goes to the hub's own cache and is used from there when
            there is no connection or HF_HUB_OFFLINE=1.

    Raises:
        DataError: no such folder, an id that cannot be fetched, weights that are only pickled, or a
            file that is a link out of the folder (of a snapshot: of the hub's cache), or no file.
    """
    name = str(path_or_id)
    folder = Path(name).expanduser()
    if not name or not is_folder(folder):
        hub_id, _, revision = name.partition("@")
        if not _HUB_ID.fullmatch(hub_id):
            raise DataError(
                f"no folder {name!r}; give a checkpoint's folder, or a hub id: 'owner/name' or "
                "'owner/name@revision'"
            )
        folder = _snapshot(hub_id, revision or None)
    root = FolderRoot(folder, option="model.path")
    for path in sorted(folder.iterdir()):
        if path.suffix in _READ and not is_folder(path):
            root.check(path.name)
    weight_files(folder)
    return folder


def _snapshot(hub_id: str, revision: str | None) -> Path:
    try:
        from huggingface_hub import errors, snapshot_download
    except ImportError:
        raise DataError(
            f"no folder {hub_id!r}, and to fetch it from the hub huggingface_hub must be "
            "installed: pip install huggingface_hub, or give a folder"
        ) from None
    name = f"{hub_id}@{revision}" if revision else hub_id
    try:
        return Path(
            snapshot_download(
                hub_id, revision=revision, allow_patterns=_WANTED, ignore_patterns=_UNWANTED
            )
        )
    except errors.GatedRepoError as error:
        why = "access is restricted; accept its terms on its page and run `hf auth login`"
        raise DataError(f"{name}: {why}") from error
    except errors.RevisionNotFoundError as error:
        raise DataError(f"{name}: the hub has no such revision of {hub_id}") from error
    except errors.RepositoryNotFoundError as error:
        why = "is neither a folder here nor a repository on the hub (if private: `hf auth login`)"
        raise DataError(f"{name} {why}") from error
    except errors.LocalEntryNotFoundError as error:
        raise DataError(
            f"{name}: not in the hub's cache, and the hub cannot be reached (offline, or "
            f"HF_HUB_OFFLINE=1). Where there is a connection run `hf download {hub_id}"
            f"{f' --revision {revision}' if revision else ''} --local-dir FOLDER`, and give "
            "FOLDER here"
        ) from error
    # The HTTP client's, the file system's and the validator's errors have no base in common.
    except Exception as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise DataError(
            f"{name}: cannot fetch it from the hub: {said[0]}; download it elsewhere and give "
            "the folder"
        ) from error


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a checkpoint: one, or the shards that its index names.

    Raises:
        DataError: no weights, only pickled ones, a damaged index, or a missing shard.
    """
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.is_file():
        return [single]
    if index.is_file():
        return _shards(index)
    pickled = sorted(path.name for path in folder.glob("*.bin"))
    found = f"only pickled weights ({pickled[0]}), which are not read" if pickled else "no weights"
    raise DataError(
        f"{folder}: {found}; model.safetensors is needed. To convert pickled weights that you "
        "trust: python -c \"from transformers import AutoModel as M; M.from_pretrained('OLD')"
        ".save_pretrained('NEW')\" and copy the other files; on the hub, look for a revision with "
        "safetensors, often 'owner/name@refs/pr/1'"
    )


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
    """Names and shapes of the weights, without reading them; errors as `load_weights`."""
    return {
        name: tuple(entry["shape"])
        for path in weight_files(folder)
        for name, entry in _header(path)[0].items()
    }


def load_weights(folder: Path) -> dict[str, npt.NDArray[Any]]:
    """A checkpoint's weights by name, with the names and layouts of the file.

    Returns:
        Every floating type (bfloat16, float16, float64 too) as float32; others as they are.

    Raises:
        DataError: as `weight_files`, and a damaged file or a type that NumPy cannot hold.
    """
    weights: dict[str, npt.NDArray[Any]] = {}
    for path in weight_files(folder):
        header, start = _header(path)
        for name, entry in header.items():
            if name in weights:
                raise DataError(f"{path}: {name} is in another shard too")
            weights[name] = _tensor(path, name, entry, start)
    return weights


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file that holds an object; `DataError` when it is missing or damaged."""
    try:
        content = parse_json(read_regular(path).decode("utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path.parent}: no {path.name}; is this a checkpoint's folder?") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot read it: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: not a JSON object")
    return content


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """The entries of a safetensors file, and where its data starts."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):  # checks the header, offsets and sizes
            pass
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = cast("dict[str, Any]", parse_json(file.read(length)))
    except (OSError, SafetensorError, ValueError) as error:
        raise DataError(f"{path}: not a readable safetensors file: {error}") from error
    return {name: x for name, x in header.items() if name != "__metadata__"}, 8 + length


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
    if code == _BFLOAT16:  # the upper half of a float32
        return np.asarray(values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float32, copy=False) if dtype.kind == "f" else values
