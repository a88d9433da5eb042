"""The numbers of a fusion that has some: where they start, and their file beside an export."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from gcl_spec._files.atomic import atomic_write
from gcl_spec._typing import FloatArray, State
from gcl_spec.config.options import ModelConfig
from gcl_spec.errors import DataError
from gcl_spec.models.weights import file_shapes, read_weights

__all__ = [
    "COUNTS",
    "FILE",
    "MEANS",
    "RATIO",
    "read_means",
    "read_ratios",
    "start_means",
    "start_ratios",
    "write_fusion",
]

RATIO = "log_fuse_ratio"
"""The parameter of a model with t = ln(w_a / w_b) of each fused modality "a+b", (F,)."""
MEANS = "fuse_means"
"""The buffer of a model with the running means of its unit rows, (G, D), where it centres them."""
COUNTS = "fuse_counts"
"""The buffer with the number of steps that each mean has seen, (G,)."""
FILE = "fusion.safetensors"
_PREFIX = "log_ratio/"
_MEAN = "mean/"


def start_ratios(model: ModelConfig, folder: Path | None = None) -> FloatArray | None:
    """The ratios (F,) float32 at the start: 0, or those of a checkpoint; None unless learned.

    Args:
        model: the options of the model, with F fused modalities (`summed`).
        folder: of a checkpoint; `write_fusion` may have written a file there.

    Raises:
        DataError: the file is damaged, or of other modalities.
    """
    if model.fuse != "learned":
        return None
    if folder is not None and (folder / FILE).is_file():
        return read_ratios(folder, model)
    return np.zeros(len(model.summed), np.float32)


def read_ratios(folder: Path, model: ModelConfig) -> FloatArray:
    """The ratios (F,) float32 of the file that `write_fusion` wrote.

    Raises:
        DataError: it is damaged, or of other modalities.
    """
    path = folder / FILE
    names = [f"{_PREFIX}{name}" for name in model.summed]
    shapes = file_shapes(path)
    if shapes != dict.fromkeys(names, ()):
        raise DataError(f"{path}: wanted one number for each of {', '.join(names)}, not {shapes}")
    arrays = read_weights([path])
    return np.asarray([arrays[name] for name in names], np.float32)


def start_means(
    model: ModelConfig, given: Sequence[str], width: int
) -> dict[str, npt.NDArray[np.generic]]:
    """The buffers of a model that centres its rows, 0 at the start; none for another one.

    Args:
        model: its options.
        given: the G modalities of which it takes inputs.
        width: that of its rows, D.

    Returns:
        The means, (G, D) float32, and counts, (G,) int32, by name.
    """
    if model.fuse != "centred":
        return {}
    count = len(given)
    return {MEANS: np.zeros((count, width), np.float32), COUNTS: np.zeros(count, np.int32)}


def read_means(folder: Path, names: Sequence[str]) -> dict[str, FloatArray]:
    """The means (D,) by modality of the file that `write_fusion` wrote.

    Args:
        folder: where it is.
        names: the modalities that are asked for; the file may have others.

    Raises:
        DataError: it is damaged, or of other modalities.
    """
    path = folder / FILE
    wanted = {f"{_MEAN}{name}" for name in names}
    shapes = file_shapes(path)
    if not wanted <= {*shapes} or {len(shape) for shape in shapes.values()} != {1}:
        raise DataError(f"{path}: wanted one mean for each of {', '.join(names)}, not {shapes}")
    arrays = read_weights([path])
    return {name: np.asarray(arrays[f"{_MEAN}{name}"], np.float32) for name in names}


def write_fusion(
    folder: Path, model: ModelConfig, trained: State, given: Sequence[str] = ()
) -> None:
    """Write the numbers of a fusion beside exported weights; nothing where it has none.

    The file holds "log_ratio/a+b", shape (), for each fused modality of learned ratios, or
    "mean/a", shape (D,), for each given modality of a model that centres its rows.

    Args:
        folder: where the weights are.
        model: the options of the model.
        trained: its weights and buffers by name.
        given: the modalities of which it takes inputs, for means.
    """
    if model.fuse == "learned":
        names, prefix, values = model.summed, _PREFIX, trained[RATIO]
    elif model.fuse == "centred":
        names, prefix, values = tuple(given), _MEAN, trained[MEANS]
    else:
        return
    numbers = {f"{prefix}{name}": np.asarray(x) for name, x in zip(names, values, strict=True)}
    with atomic_write(folder / FILE) as file:
        file.write(save(numbers))
