"""Files of calibrations: safetensors with a checksum over every byte, which name a model."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gcl_spec._files.atomic import atomic_write
from gcl_spec._files.reading import parse_json, regular
from gcl_spec._files.sealed import seal, seal_fits
from gcl_spec.errors import CheckpointError, ConfigError
from gcl_spec.evaluate.calibrations.known import Chain, from_arrays

__all__ = ["Origin", "read", "write"]

_FORMAT = "gcl-spec calibration 1"
_AGAIN = "fit it again: gcl calibrate RUN"


@dataclass(frozen=True)
class Origin:
    """What a calibration was fitted on.

    weights: the checksum of the model's weights.
    step: the step of its checkpoint.
    rows: the numbers of rows by role and modality.
    """

    weights: str
    step: int
    rows: Mapping[str, int]


def write(path: Path, calibration: Chain, origin: Origin) -> None:
    """Write a calibration, whole or not at all; equal ones give equal bytes.

    Raises:
        FileError: it cannot be written.
    """
    arrays = {name: np.asarray(x) for name, x in calibration.arrays().items()}
    notes = {
        "format": _FORMAT,
        "name": calibration.name,
        "weights": origin.weights,
        "step": str(origin.step),
        "rows": json.dumps(dict(origin.rows), sort_keys=True),
    }
    parts = seal(arrays, notes)
    with atomic_write(path, size=sum(map(len, parts))) as file:
        for part in parts:
            file.write(part)


def read(path: Path) -> tuple[Chain, Origin]:
    """The calibration in a file, and what it was fitted on.

    Raises:
        CheckpointError: there is none, or a byte of it has changed.
    """
    from safetensors import SafetensorError, safe_open

    try:
        if not seal_fits(regular(path)):
            raise CheckpointError(f"{path}: not as it was written: cut or damaged; {_AGAIN}")
        with safe_open(path, framework="numpy") as file:
            notes = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if notes.get("format") != _FORMAT:
            raise CheckpointError(f"{path}: not a calibration of this version; {_AGAIN}")
        origin = Origin(notes["weights"], int(notes["step"]), parse_json(notes["rows"]))
        return from_arrays(notes["name"], arrays), origin
    except FileNotFoundError:
        raise CheckpointError(f"{path}: there is no such calibration; {_AGAIN}") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot read it: {error.strerror}") from error
    except (SafetensorError, KeyError, ValueError, ConfigError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"{path}: not a calibration of this version; {_AGAIN}") from error
