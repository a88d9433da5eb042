"""Finds the files of a VISTA checkpoint, and converts pickled weights to safetensors once."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gcl_spec._files.atomic import atomic_write
from gcl_spec._files.reading import is_file
from gcl_spec.config.cache_folder import cache_folder, made_once
from gcl_spec.config.options import Config
from gcl_spec.errors import ConfigError, DataError
from gcl_spec.models.fusion import FILE as FUSION
from gcl_spec.models.hub import fetched, local_folder
from gcl_spec.models.torch_file import read_state_dict
from gcl_spec.models.vista_layout import check_keys, is_table, is_unused, sizes_of
from gcl_spec.models.vista_rope import rotary_tables
from gcl_spec.models.vista_settings import EVA_FILE, VistaSettings, read_settings
from gcl_spec.models.vista_text import marks_of, text_files
from gcl_spec.models.weights import file_shapes, read_weights

__all__ = ["VistaFiles", "used_weights", "vista_files"]

_VERSION = 1  # raise it whenever the same file is converted otherwise
_BESIDE = (FUSION, "calibration.safetensors")
"""Files of numbers that an export puts beside the weights."""
_PICKLED = (".pth", ".pt", ".bin")
_TENSORS = ".safetensors"
_WRAPPED = "module."  # by torch's DataParallel
_ROPE = "model_visual.visual.rope.freqs_"
_SHOWN = 4
_ON_HUB = re.compile(r"\w[^/]*/[^/]+(/[^/]+)?")


@dataclass(frozen=True, slots=True)
class VistaFiles:
    """The files of a VISTA checkpoint, whose settings are read and checked.

    folder: where eva.json may lie. weights: a safetensors file, perhaps a converted one. text: the
    folder of the tokenizer. marks: the numbers of the tokens that begin and end a text.
    """

    folder: Path
    weights: Path
    text: Path
    settings: VistaSettings
    marks: tuple[int, int]


def vista_files(config: Config) -> VistaFiles:
    """The files that `model.path` and `model.text_path` mean.

    Raises:
        ConfigError: no path is given.
        DataError: a file is missing or damaged, a pickle holds more than tensors, the weights are
            not those of a VISTA, or the files are not of one model.
        FileError: the cache cannot be written.
    """
    given = _weights_file(config.model.path)
    weights = given if given.suffix == _TENSORS else _converted(given, cache_folder(config.data))
    shapes = file_shapes(weights)
    text = text_files(config.model.text_path, given.parent, shapes)
    settings = read_settings(shapes, given.parent, text, str(given))
    return VistaFiles(given.parent, weights, text, settings, marks_of(text, settings))


def used_weights(files: VistaFiles) -> dict[str, npt.NDArray[np.float32]]:
    """The weights on which outputs depend, and one rotary table, by name, in float32.

    Their shapes are those of `gcl_spec.models.vista_layout.VistaSizes.shapes`.

    Raises:
        DataError: the file is damaged, or its rotary tables are not copies of one.
    """
    shapes = file_shapes(files.weights)
    weights = read_weights([files.weights], {name for name in shapes if not is_unused(name)})
    tables = {name: weights.pop(name) for name in [*weights] if is_table(name)}
    sizes = files.settings.sizes
    made = rotary_tables(sizes.grid, sizes.head_width)
    for part, computed in zip(("cos", "sin"), made, strict=True):
        copies = {name: x for name, x in tables.items() if name.endswith(part)}
        # A file without tables is of a tool that saves no copies: they are computed.
        own = copies.get(_ROPE + part, next(iter(copies.values()), computed))
        other = next((name for name, x in copies.items() if not np.array_equal(x, own)), None)
        if other is not None:
            raise DataError(
                f"{files.weights}: {other} is no copy of {_ROPE}{part}, as it is in every VISTA"
            )
        weights[_ROPE + part] = own
    return weights


def _weights_file(path: str) -> Path:
    if not path:
        raise ConfigError(
            "which checkpoint? --set model.path=FOLDER_OR_FILE of a VISTA, such as "
            "BAAI/bge-visualized/Visualized_base_en_v1.5.pth on the hub"
        )
    if is_file(path):
        return Path(path)
    folder = local_folder(path)
    if folder is not None:
        return _only_file(folder)
    if not _ON_HUB.fullmatch(path):
        raise DataError(
            f"no file or folder {path!r:.200}; give as model.path one of a VISTA's weights, or "
            "OWNER/NAME/FILE on the hub"
        )
    owner, _, rest = path.partition("/")
    name, _, file = rest.partition("/")
    wanted = [file] if file else [f"*{end}" for end in (*_PICKLED, _TENSORS)]
    folder = fetched(f"{owner}/{name}", [*wanted, EVA_FILE])
    if file and not is_file(folder / file):
        raise DataError(f"{owner}/{name}: the hub has no file {file!r} there")
    return folder / file if file else _only_file(folder)


def _only_file(folder: Path) -> Path:
    """The one file of weights in a folder; of several, that which is not pickled."""
    files = (path for path in sorted(folder.iterdir()) if path.name not in _BESIDE)
    there = [path for path in files if is_file(path)]
    safe = [path for path in there if path.suffix == _TENSORS]
    weight_files = safe or [path for path in there if path.suffix in _PICKLED]
    if len(weight_files) == 1:
        return weight_files[0]
    if not weight_files:
        raise DataError(
            f"{folder}: no weights of a VISTA, a file such as Visualized_base_en_v1.5.pth or "
            "model.safetensors"
        )
    names = ", ".join(path.name for path in weight_files[:_SHOWN])
    raise DataError(
        f"{folder}: {len(weight_files)} files of weights ({names}); give one as model.path"
    )


def _converted(path: Path, cache: Path) -> Path:
    """The weights of a pickled file as safetensors, in `cache`, made once."""
    try:
        stat = path.stat()
    except OSError as error:
        raise DataError(f"{path}: cannot read it: {error.strerror}") from error
    seen = f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns}"
    name = hashlib.sha256(seen.encode(errors="surrogateescape")).hexdigest()[:16]
    folder = made_once(cache / f"vista-{_VERSION}-{name}", lambda out: _convert(path, out))
    return folder / "model.safetensors"


def _convert(path: Path, out: Path) -> None:
    from safetensors.numpy import save as to_bytes

    weights = _unwrapped(read_state_dict(path))
    shapes = {name: x.shape for name, x in weights.items()}
    check_keys(shapes, sizes_of(shapes), str(path))
    kept = {name: np.ascontiguousarray(x).reshape(x.shape) for name, x in weights.items()}
    content = to_bytes(kept, {"format": "pt"})
    with atomic_write(out / "model.safetensors", size=len(content)) as file:
        file.write(content)


def _unwrapped(weights: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    if weights and all(name.startswith(_WRAPPED) for name in weights):
        return {name.removeprefix(_WRAPPED): x for name, x in weights.items()}
    return dict(weights)
