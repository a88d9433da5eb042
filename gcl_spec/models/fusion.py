"""The numbers of a fusion that is learned: where they start, and their file beside an export."""

from pathlib import Path

import numpy as np
from safetensors.numpy import save

from gcl_spec._files.atomic import atomic_write
from gcl_spec._typing import FloatArray, State
from gcl_spec.config.options import ModelConfig
from gcl_spec.errors import DataError
from gcl_spec.models.weights import file_shapes, read_weights

__all__ = ["FILE", "RATIO", "read_ratios", "start_ratios", "write_fusion"]

RATIO = "log_fuse_ratio"
"""The parameter of a model with t = ln(w_a / w_b) of each fused modality "a+b", (F,)."""
FILE = "fusion.safetensors"
_PREFIX = "log_ratio/"


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
    found = read_weights([path])
    return np.asarray([found[name] for name in names], np.float32)


def write_fusion(folder: Path, model: ModelConfig, trained: State) -> None:
    """Write learned ratios beside exported weights, whose layouts have none; otherwise nothing.

    The file holds "log_ratio/a+b", shape (), for each fused modality.

    Args:
        folder: where the weights are.
        model: the options of the model.
        trained: its weights by name.
    """
    if model.fuse != "learned":
        return
    names = model.summed
    ratios = {
        f"{_PREFIX}{name}": np.asarray(x) for name, x in zip(names, trained[RATIO], strict=True)
    }
    with atomic_write(folder / FILE) as file:
        file.write(save(ratios))
