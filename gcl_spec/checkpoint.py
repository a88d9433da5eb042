"""Training states as safetensors files, written whole or not at all."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from gcl_spec._files import atomic_write
from gcl_spec._typing import State
from gcl_spec.errors import CheckpointError

__all__ = ["Found", "check", "latest", "load", "save"]

_NAME = re.compile(r"step-(\d{8})\.safetensors")
_FORMAT = "gcl-spec/1"
_PREFIXES = ("params/", "buffers/", "optim/", "ema/")


class Found:
    """The newest readable checkpoint of a folder, and what was wrong with newer ones."""

    def __init__(self, path: Path, state: State, warnings: tuple[str, ...]) -> None:
        self.path = path
        self.state = state
        self.step = int(state["step"])
        self.warnings = warnings


def save(folder: Path, state: State, *, keep: int) -> Path:
    """Write `step-XXXXXXXX.safetensors` and remove all but the newest `keep` checkpoints.

    Raises:
        CheckpointError: it cannot be written; earlier checkpoints are untouched.
    """
    path = folder / f"step-{int(state['step']):08d}.safetensors"
    # asarray(order="C") and not ascontiguousarray, which turns 0-d arrays into 1-d ones.
    arrays = {name: np.asarray(x, order="C") for name, x in state.items()}
    metadata = {"format": _FORMAT}
    with atomic_write(path) as file:
        file.write(to_bytes(arrays, metadata))
    for old in _checkpoints(folder)[:-keep]:
        old.unlink()
    return path


def load(path: Path) -> State:
    """The state in a file.

    Raises:
        CheckpointError: it is missing, damaged, something else, or fails `check`.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            if (file.metadata() or {}).get("format") != _FORMAT:
                raise CheckpointError(f"{path}: not a checkpoint of gcl-spec")
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot read the checkpoint: {error}") from error
    if "step" not in state:
        raise CheckpointError(f"{path}: the checkpoint has no step")
    check(state, where=str(path))
    return state


def check(state: State, *, where: str) -> None:
    """What holds for the state of every backend: known names, real and finite numbers.

    Args:
        state: arrays of any shape; parameters alone, or with optimiser and "step".
        where: name for errors.

    Raises:
        CheckpointError: names the entry that is wrong.
    """
    for name, x in state.items():
        if name == "step":
            if x.shape != () or x.dtype.kind not in "iu" or int(x) < 0:
                shown = str(x) if x.shape == () and x.dtype.kind in "iu" else _describe(x)
                raise CheckpointError(f"{where}: 'step' is {shown}; wanted one integer from 0 on")
            continue
        if not name.startswith(_PREFIXES):
            raise CheckpointError(
                f"{where}: unknown entry {name!r}; wanted 'step' and names that begin with "
                f"{', '.join(_PREFIXES)}"
            )
        is_parameter = name.startswith("params/")
        if x.dtype.kind not in ("f" if is_parameter else "fiu"):
            wanted = "floating-point" if is_parameter else "real"
            raise CheckpointError(f"{where}: {name!r} is {_describe(x)}; wanted {wanted} numbers")
        if not np.all(np.isfinite(x)):
            raise CheckpointError(
                f"{where}: {name!r} holds NaN or Inf; take an earlier checkpoint or another run"
            )


def _describe(x: np.ndarray[Any, Any]) -> str:
    return f"{x.dtype} of shape {x.shape}"


def latest(folder: Path) -> Found:
    """The newest checkpoint that can be read.

    Raises:
        CheckpointError: there is none.
    """
    warnings: list[str] = []
    for path in reversed(_checkpoints(folder)):
        try:
            return Found(path, load(path), tuple(warnings))
        except CheckpointError as error:
            warnings.append(str(error))
    found = f": {'; '.join(warnings)}" if warnings else ""
    raise CheckpointError(f"{folder}: no readable checkpoint{found}")


def _checkpoints(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if _NAME.fullmatch(path.name))
