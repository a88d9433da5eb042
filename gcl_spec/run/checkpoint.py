"""Writes and reads training states as safetensors files, whole or not at all."""

import json
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from gcl_spec._files.atomic import atomic_write, remove_stale
from gcl_spec._files.checksum import checksum
from gcl_spec._files.os_errors import one_line, tidying
from gcl_spec._files.reading import regular
from gcl_spec._files.sealed import seal, seal_fits
from gcl_spec._typing import State
from gcl_spec.errors import CheckpointError

__all__ = ["Found", "check", "latest", "load", "newest", "of_step", "prune", "save", "set_aside"]

_PATTERN = r"step-\d{8}\.safetensors"
_NAME = re.compile(_PATTERN)
_FORMAT = "gcl-spec/2"
_OLD = "gcl-spec/1"
"""Formats without a checksum, or with one that does not cover the header."""
_PREFIXES = ("params/", "buffers/", "optim/", "ema/")

Notes = Mapping[str, int]


class Found:
    """The newest readable checkpoint of a folder, and what was wrong with newer ones.

    Args:
        path: its file.
        state: the state in it.
        notes: the numbers that `save` was given beside the state.
        damaged: what is wrong with newer files.
    """

    def __init__(self, path: Path, state: State, notes: Notes, damaged: Mapping[Path, str]) -> None:
        self.path = path
        self.state = state
        self.step = int(state["step"])
        self.notes = notes
        self.damaged = damaged

    @property
    def warnings(self) -> tuple[str, ...]:
        """A line for each damaged checkpoint."""
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
    """Write `step-XXXXXXXX.safetensors`, then `prune`; equal states and notes give equal bytes.

    Args:
        folder: the folder of checkpoints, which is made where there is none.
        state: a state that passes `check`.
        keep, keep_every, also: which checkpoints stay, as in `prune`.
        notes: small numbers that `latest` gives back.

    Raises:
        CheckpointError: a number is not finite; earlier checkpoints are untouched.
        FileError: the file cannot be written; the same holds.
    """
    check(state, where=f"cannot save step {int(state['step'])}")
    remove_stale(folder, _PATTERN)
    path = _path(folder, int(state["step"]))
    noted = json.dumps(dict(notes or {}), sort_keys=True)
    try:
        parts = seal(state, {"format": _FORMAT, "notes": noted})
    except ValueError as error:
        raise CheckpointError(f"cannot save step {int(state['step'])}: {error}") from error
    with atomic_write(path, size=sum(map(len, parts))) as file:
        for part in parts:
            file.write(part)
    prune(folder, int(state["step"]), keep=keep, keep_every=keep_every, also=also)
    return path


def prune(
    folder: Path, step: int, *, keep: int, keep_every: int = 0, also: Collection[int] = ()
) -> None:
    """Remove the checkpoints that are not wanted any more, once that of `step` is written.

    Args:
        folder: the folder of checkpoints.
        step: the step that was written; newer checkpoints are none of this run's past, and are
            neither counted nor removed.
        keep: how many of the newest stay, at least 1.
        keep_every: a checkpoint whose step is a multiple of this stays, too, if it is not 0.
        also: the checkpoints of these steps stay, too.

    A warning names one that cannot be removed, which stays.
    """
    paths: list[Path] = []
    with tidying("look for old checkpoints in", folder):
        paths = _names(folder)
    past = [(number, path) for path in paths if (number := int(path.stem[5:])) <= step]
    for number, path in past[:-keep]:
        if number not in also and not (keep_every and number % keep_every == 0):
            with tidying("remove the old checkpoint", path):
                path.unlink(missing_ok=True)


def load(path: Path, *, allow_unverified: bool = False) -> State:
    """The state in a file.

    Args:
        path: the file.
        allow_unverified: also read files of older versions, whose checksum is missing or does not
            cover all of the file. A file that contradicts its checksum is never read.

    Raises:
        CheckpointError: it is missing, damaged, something else, or fails `check`.
    """
    return _load(path, allow_unverified)[0]


def _load(path: Path, allow_unverified: bool) -> tuple[State, Notes]:
    try:
        fits = seal_fits(regular(path))
        if fits is False:
            raise CheckpointError(
                f"{path}: cannot read the checkpoint: it is damaged, its checksum does not fit"
            )
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            _check_format(path, metadata.get("format"), bool(fits), allow_unverified)
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    # A damaged header may name a dtype that NumPy does not know.
    except (OSError, SafetensorError, AttributeError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: cannot read the checkpoint: {error}") from error
    noted = metadata.get("notes", "{}")
    if not fits and checksum(state, noted) != metadata.get("sha256", checksum(state, noted)):
        raise CheckpointError(f"{path}: the checkpoint is damaged: its checksum does not fit")
    if "step" not in state:
        raise CheckpointError(f"{path}: the checkpoint has no step")
    check(state, where=str(path))
    if _NAME.fullmatch(path.name) and path != _path(path.parent, int(state["step"])):
        raise CheckpointError(f"{path}: it holds step {int(state['step'])}, against its name")
    return state, json.loads(noted) if fits or "sha256" in metadata else {}


def _check_format(path: Path, format_name: str | None, fits: bool, allow_unverified: bool) -> None:
    """Raise a `CheckpointError` but for a file with its checksum, or an old one where allowed."""
    if format_name not in (_FORMAT, _OLD):
        raise CheckpointError(f"{path}: not a checkpoint of gcl-spec, or of another version")
    if fits != (format_name == _FORMAT):
        raise CheckpointError(f"{path}: the checkpoint is damaged: its checksum is not in place")
    if not fits and not allow_unverified:
        raise CheckpointError(
            f"{path}: cannot be verified: an older version wrote it, without a checksum of the "
            "whole file; if you trust it, add --allow-unverified (allow_unverified=True in Python)"
        )


def check(state: State, *, where: str) -> None:
    """Check what holds for the state of every backend: known names, real and finite numbers.

    Args:
        state: arrays of any shape; parameters alone, or with optimiser and "step".
        where: its name, for errors.

    Raises:
        CheckpointError: an entry is wrong, which the message names.
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


def latest(folder: Path, *, allow_unverified: bool = False) -> Found:
    """The newest checkpoint that can be read.

    Args:
        folder: the folder of checkpoints.
        allow_unverified: also read files without a checksum, as in `load`.

    Raises:
        CheckpointError: there is none.
    """
    damaged: dict[Path, str] = {}
    for path in reversed(_checkpoints(folder)):
        try:
            state, notes = _load(path, allow_unverified)
        except CheckpointError as error:
            damaged[path] = str(error)
        else:
            return Found(path, state, notes, damaged)
    reasons = f": {'; '.join(damaged.values())}" if damaged else ""
    raise CheckpointError(f"{folder}: no readable checkpoint{reasons}")


def newest(folder: Path, *, allow_unverified: bool = False) -> Found:
    """The newest checkpoint, for users of its weights: never another one in its place unasked.

    Args:
        folder: the folder of checkpoints.
        allow_unverified: also read files without a checksum, as in `load`, and give an earlier
            checkpoint where the newest cannot be read.

    Raises:
        CheckpointError: there is none, or it cannot be read.
    """
    checkpoint = latest(folder, allow_unverified=allow_unverified)
    if checkpoint.warnings and not allow_unverified:
        raise CheckpointError(
            f"{checkpoint.warnings[0]}; the newest that can be read is of step {checkpoint.step}: "
            f"go on from it with gcl train --resume {folder.parent}, or choose it by --step "
            f"{checkpoint.step} (for --init by its file {checkpoint.path})"
        )
    return checkpoint


def of_step(folder: Path, step: int, *, allow_unverified: bool = False) -> Found:
    """The checkpoint of a step.

    Args:
        folder: the folder of checkpoints.
        step: its number.
        allow_unverified: also read files without a checksum, as in `load`.

    Raises:
        CheckpointError: there is none (the message has the steps that there are), or it cannot be
            read.
    """
    path, there = _path(folder, step), _checkpoints(folder)
    if path not in there:
        known = [str(int(other.stem[5:])) for other in there]
        raise CheckpointError(
            f"{folder}: no checkpoint of step {step}; there are those of {', '.join(known)}"
        )
    return Found(path, *_load(path, allow_unverified), {})


def set_aside(checkpoint: Found) -> None:
    """Give damaged checkpoints another name, and remove what killed processes left half-written.

    Only the one process calls it that is about to go on from `checkpoint`.
    """
    remove_stale(checkpoint.path.parent, _PATTERN)
    for path in checkpoint.damaged:
        with tidying("set aside", path):
            path.replace(path.with_name(f"{path.name}.damaged"))


def _path(folder: Path, step: int) -> Path:
    return folder / f"step-{step:08d}.safetensors"


def _checkpoints(folder: Path) -> list[Path]:
    with one_line("list the checkpoints in", folder):
        return _names(folder)


def _names(folder: Path) -> list[Path]:
    with suppress(FileNotFoundError):
        return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    return []
