"""The calibrations of a run, which lie in its folder.

RUN/calibrations/NAME.safetensors   see `gcl_spec.evaluate.calibrations.store`
"""

import shutil
from pathlib import Path

from gcl_spec._files.checksum import checksum
from gcl_spec._typing import State
from gcl_spec.errors import CheckpointError, ConfigError
from gcl_spec.evaluate.calibrations.known import CALIBRATIONS, Chain, check_name
from gcl_spec.evaluate.calibrations.store import read
from gcl_spec.run.checkpoint import Found
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.own_biases import refuse_without_biases
from gcl_spec.run.weights import trained_weights

__all__ = [
    "calibration_file",
    "calibration_of",
    "fitted_names",
    "put_beside",
    "to_apply",
    "weights_checksum",
]


def calibration_file(run: RunFolder, name: str) -> Path:
    """The file of a calibration in the folder of its run.

    Raises:
        ConfigError: there is no calibration of this name.
    """
    check_name(name)
    return run.path / "calibrations" / f"{name}.safetensors"


def fitted_names(run: RunFolder) -> tuple[str, ...]:
    """The names of the calibrations that a run has, in the order of `CALIBRATIONS`."""
    return tuple(name for name in CALIBRATIONS if calibration_file(run, name).exists())


def calibration_of(run: RunFolder, name: str, checkpoint: Found) -> Chain:
    """The calibration of a run that was fitted for the weights of a checkpoint.

    Args:
        run: the folder of the run.
        name: of `gcl_spec.evaluate.calibrations.CALIBRATIONS`.
        checkpoint: the checkpoint.

    Raises:
        ConfigError: there is no calibration of this name, or it is of biases, and the run has none.
        CheckpointError: it was not fitted, is damaged, or was fitted for other weights.
    """
    path = calibration_file(run, name)
    if not path.exists():
        refuse_without_biases(name, run.config(), str(run.path))
        raise CheckpointError(
            f"{run.path} has no calibration {name!r}; fit it: gcl calibrate {run.path}"
        )
    calibration, origin = read(path)
    if calibration.name != name or origin.weights != weights_checksum(checkpoint.state):
        raise CheckpointError(
            f"{path}: {calibration.name!r} fitted for other weights (step {origin.step} of a run; "
            f"wanted step {checkpoint.step} of this one); fit it again: "
            f"gcl calibrate {run.path} --step {checkpoint.step}"
        )
    return calibration


def to_apply(run: RunFolder, name: str, checkpoint: Found, dtype: str) -> Chain:
    """The calibration of `calibration_of` for rows that are stored with this dtype.

    Raises:
        ConfigError: float16 would round the numbers that it appends, or there is none of this name.
        CheckpointError: see `calibration_of`.
    """
    calibration = calibration_of(run, name, checkpoint)
    if dtype == "float16" and calibration.appended:
        raise ConfigError(
            f"calibration {name} appends numbers to each row, which float16 would round too far; "
            "use --dtype float32"
        )
    return calibration


def weights_checksum(state: State) -> str:
    """The SHA-256 of the parameters and buffers with which a checkpoint is used."""
    return checksum(trained_weights(state))


def put_beside(run: RunFolder, name: str | None, checkpoint: Found, out: Path) -> None:
    """Put the calibration of a run into a folder to which the weights are exported.

    Nothing is put where `name` is None; otherwise see `calibration_of`.
    """
    if name is not None:
        calibration_of(run, name, checkpoint)
        shutil.copyfile(calibration_file(run, name), out / "calibration.safetensors")
