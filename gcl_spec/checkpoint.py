"""Training states as safetensors files, written whole or not at all."""

import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from gcl_spec._checksum import checksum
from gcl_spec._files import atomic_write, remove_stale
from gcl_spec._typing import State
from gcl_spec.errors import CheckpointError

__all__ = ["Found", "check", "latest", "load", "of_step", "prune", "save", "set_aside"]

_PATTERN = r"step-\d{8}\.safetensors"
_NAME = re.compile(_PATTERN)
_FORMAT = "gcl-spec/1"
_PREFIXES = ("params/", "buffers/", "optim/", "ema/")

Notes = Mapping[str, int]


class Found:
    """The newest readable checkpoint of a folder, and what was wrong with newer ones.

    notes: what was given to `save` beside the state.
    """

    def __init__(self, path: Path, state: State, notes: Notes, damaged: Mapping[Path, str]) -> None:
        self.path = path
        self.state = state
        self.step = int(state["step"])
        self.notes = notes
        self.damaged = damaged

    @property
    def warnings(self) -> tuple[str, ...]:
        """A line a damaged checkpoint."""
        return tuple(self.damaged.values())


def save(
    folder: Path,
    state: State,
    *,
    keep: int,
    keep_every: int = 0,
    also: Collection[int] = (),
    notes: Notes | None = None,
) -> Path:
    """Write `step-XXXXXXXX.safetensors`, then `prune`.

    Args:
        folder: made where there is none.
        state: as `check` wants it.
        keep, keep_every, also: see `prune`.
        notes: small numbers that `latest` gives back.

    Raises:
        CheckpointError: a number is not finite, or the file cannot be written; earlier checkpoints
            are untouched.
    """
    check(state, where=f"cannot save step {int(state['step'])}")
    remove_stale(folder, _PATTERN)
    path = _path(folder, int(state["step"]))
    # asarray(order="C") and not ascontiguousarray, which turns 0-d arrays into 1-d ones.
    arrays = {name: np.asarray(x, order="C") for name, x in state.items()}
    noted = json.dumps(dict(notes or {}))
    metadata = {"format": _FORMAT, "notes": noted, "sha256": checksum(arrays, noted)}
    content = to_bytes(arrays, metadata)
    with atomic_write(path, size=len(content)) as file:
        file.write(content)
    prune(folder, int(state["step"]), keep=keep, keep_every=keep_every, also=also)
    return path


def prune(
    folder: Path, step: int, *, keep: int, keep_every: int = 0, also: Collection[int] = ()
) -> None:
    """Remove the checkpoints that are not wanted any more, once that of `step` is written.

    Args:
        folder: of checkpoints.
        step: newer ones are none of this run's past: they are neither counted nor removed.
        keep: this many of the newest stay, at least 1;
        keep_every: and all whose step is a multiple of this, if it is not 0;
        also: and those of these steps.
    """
    past = [(int(path.stem[5:]), path) for path in _checkpoints(folder)]
    past = [(number, path) for number, path in past if number <= step]
    for number, path in past[:-keep]:
        if number not in also and not (keep_every and number % keep_every == 0):
            path.unlink(missing_ok=True)


def load(path: Path) -> State:
    """The state in a file.

    Raises:
        CheckpointError: it is missing, damaged, something else, or fails `check`.
    """
    return _load(path)[0]


def _load(path: Path) -> tuple[State, Notes]:
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != _FORMAT:
                raise CheckpointError(f"{path}: not a checkpoint of gcl-spec")
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    # A damaged header may name a dtype that NumPy does not know.
    except (OSError, SafetensorError, AttributeError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: cannot read the checkpoint: {error}") from error
    noted = metadata.get("notes", "{}")
    # Files of 0.1 have none.
    if "sha256" in metadata and checksum(state, noted) != metadata["sha256"]:
        raise CheckpointError(f"{path}: the checkpoint is damaged: its checksum does not fit")
    if "step" not in state:
        raise CheckpointError(f"{path}: the checkpoint has no step")
    check(state, where=str(path))
    notes = json.loads(noted) if "sha256" in metadata else {}
    return state, notes


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
    damaged: dict[Path, str] = {}
    for path in reversed(_checkpoints(folder)):
        try:
            state, notes = _load(path)
        except CheckpointError as error:
            damaged[path] = str(error)
        else:
            return Found(path, state, notes, damaged)
    found = f": {'; '.join(damaged.values())}" if damaged else ""
    raise CheckpointError(f"{folder}: no readable checkpoint{found}")


def of_step(folder: Path, step: int) -> Found:
    """The checkpoint of a step.

    Raises:
        CheckpointError: there is none, with the steps that there are, or it cannot be read.
    """
    path = _path(folder, step)
    if not path.is_file():
        known = [str(int(other.stem[5:])) for other in _checkpoints(folder)]
        raise CheckpointError(
            f"{folder}: no checkpoint of step {step}; there are those of {', '.join(known)}"
        )
    return Found(path, *_load(path), {})


def set_aside(found: Found) -> None:
    """Give damaged checkpoints another name, and remove what killed processes left half-written.

    For the one process that is about to go on from `found`.
    """
    remove_stale(found.path.parent, _PATTERN)
    for path in found.damaged:
        path.replace(path.with_name(f"{path.name}.damaged"))


def _path(folder: Path, step: int) -> Path:
    return folder / f"step-{step:08d}.safetensors"


def _checkpoints(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if _NAME.fullmatch(path.name))
