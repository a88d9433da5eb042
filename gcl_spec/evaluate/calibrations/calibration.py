"""Calibrations make other rows of rows; most are fitted on rows without labels."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from array_api_compat import array_namespace, device

from gcl_spec._typing import Array, FloatArray
from gcl_spec.errors import InputError
from gcl_spec.evaluate.calibrations.rows import Fitting, Role, Rows, key

__all__ = ["Calibration", "FittedCalibration", "like", "of_key", "with_modality"]


class Calibration(Protocol):
    """Rows as queries and as candidates, whose inner products are the calibrated scores.

    Nothing but the rows changes, so that an exact search and any index of inner products work as
    before. Some append numbers to each row.
    """

    name: ClassVar[str]
    meaning: ClassVar[str]
    """One line for users."""

    def apply(self, rows: Rows, role: Role) -> Array:
        """The rows to search with, shape (N, D + `appended`), of the library and dtype of `rows`.

        Raises:
            InputError: it was not fitted on rows of this modality.
        """
        ...

    @property
    def appended(self) -> int:
        """How many numbers it appends to each row."""
        ...

    def arrays(self) -> Mapping[str, FloatArray]:
        """Its state, of any shape, of which `from_arrays` makes the same calibration again."""
        ...

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """The calibration of this state."""
        ...


class FittedCalibration(Calibration, Protocol):
    """A calibration that is made of rows."""

    @classmethod
    def fit(cls, samples: Fitting) -> Self:
        """The calibration of a space.

        Args:
            samples: NumPy rows of queries and candidates by modality; they need no labels.
        """
        ...


def like(state: FloatArray, x: Array) -> Array:
    """A state as an array of the library, dtype and device of `x`.

    Args:
        state: any shape.
        x: any shape.

    Returns:
        The shape of `state`.
    """
    xp = array_namespace(x)
    return xp.asarray(np.asarray(state), dtype=x.dtype, device=device(x))


def of_key(state: Mapping[str, FloatArray], name: str, role: Role, modality: str) -> FloatArray:
    """The part of a state, of any shape, that belongs to a modality in a role.

    Raises:
        InputError: it was fitted without such rows.
    """
    part = state.get(key(role, modality))
    if part is None:
        known = ", ".join(state)
        raise InputError(
            f"the calibration {name!r} was fitted without rows {key(role, modality)} (it has "
            f"{known}); fit it on data that has them: gcl calibrate RUN --data ROWS"
        )
    return part


def with_modality(rows: Rows, asked: Sequence[str]) -> Array:
    """Rows (N, D + A) of queries with 1 at the place of their modality, and 0 at the others.

    Args:
        rows: whose modality is one of `asked`.
        asked: the A modalities that have a place.
    """
    xp, x_ND = array_namespace(rows.whole), rows.whole
    which_A = xp.asarray(
        [float(one == rows.modality) for one in asked], dtype=x_ND.dtype, device=device(x_ND)
    )
    return xp.concat([x_ND, xp.broadcast_to(which_A, (x_ND.shape[0], len(asked)))], axis=1)
