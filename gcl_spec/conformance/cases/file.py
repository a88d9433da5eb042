"""A case as a small `.npz` file of plain arrays, with the objective as JSON, without pickles."""

import json
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from gcl_spec._files.atomic import atomic_write
from gcl_spec._files.packed import BROKEN, Arrays
from gcl_spec._files.reading import parse_json, reason
from gcl_spec.conformance.cases.case import Case
from gcl_spec.errors import DataError, GclError
from gcl_spec.objective import Direction, Objective

__all__ = ["read_case", "write_case"]


def write_case(path: Path, case: Case) -> None:
    """Write a case to a file, which keeps every bit of its arrays.

    Raises:
        FileError: the file cannot be written.
    """
    arrays: dict[str, Any] = {
        "z_MBD": case.z_MBD,
        "log_scale": np.asarray(case.log_scale, np.float64),
        "objective": json.dumps(asdict(case.objective)),
        "name": case.name,
    }
    for name in ("present", "ids", "tile", "weights", "bias"):
        if getattr(case, name) is not None:
            arrays[name] = getattr(case, name)
    buffer = BytesIO()
    np.savez_compressed(buffer, **arrays)
    with atomic_write(path) as file:
        file.write(buffer.getvalue())


def read_case(path: Path) -> Case:
    """The case in a file of `write_case`.

    Raises:
        DataError: the file cannot be read or is no case.
    """
    try:
        with Arrays(path) as file:
            fields = {name: file[name] for name in file.names}
        return Case(
            str(fields["name"]),
            np.asarray(fields["z_MBD"], np.float64),
            _number_or_array(fields["log_scale"]),
            _objective(str(fields["objective"])),
            fields.get("present"),
            fields.get("ids"),
            int(fields["tile"]) if "tile" in fields else None,
            fields.get("weights"),
            fields.get("bias"),
        )
    except (*BROKEN, AttributeError) as error:
        is_said = isinstance(error, GclError | OSError)
        said = reason(error) if is_said else f"{type(error).__name__}: {error}"
        raise DataError(
            f"cannot read the case {path}: {said}; give a .npz file that "
            "`gcl verify-backends` wrote"
        ) from error


def _number_or_array(x: Any) -> Any:
    return float(x) if np.ndim(x) == 0 else np.asarray(x, np.float64)


def _objective(text: str) -> Objective:
    fields = parse_json(text)
    directions = tuple(Direction(**direction) for direction in fields.pop("directions"))
    return Objective(modalities=tuple(fields.pop("modalities")), directions=directions, **fields)
