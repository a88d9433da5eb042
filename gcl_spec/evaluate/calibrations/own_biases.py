"""The biases of a run's own training at search, as appended numbers.

A training compares scale * cos + bias, with a bias for each pair of a query's and a candidate's
modality; without it, a search compares cosines alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from array_api_compat import array_namespace

from gcl_spec._typing import Array, FloatArray
from gcl_spec.errors import InputError
from gcl_spec.evaluate.calibrations.calibration import like, with_modality
from gcl_spec.evaluate.calibrations.rows import Role, Rows
from gcl_spec.objective import name_parts

__all__ = ["OwnBiases"]


@dataclass(frozen=True)
class OwnBiases:
    """cos + shift(modality of the query, modality of the candidate).

    modalities: the M modalities of the run; the parts of fused ones in alphabetical order.
    shifts_MM: what is added to cosines by query and candidate modality, (M, M)
        (`gcl_spec.loss.cosine_shifts`).
    """

    name: ClassVar[str] = "bias"
    meaning: ClassVar[str] = "adds the run's own bias of the query's and candidate's modalities"

    modalities: tuple[str, ...]
    shifts_MM: FloatArray

    @classmethod
    def of(cls, modalities: Sequence[str], shifts_MM: FloatArray) -> Self:
        """The calibration of a run's modalities, with their shifts (M, M)."""
        names = tuple("+".join(sorted(name_parts(name))) for name in modalities)
        return cls(names, np.asarray(shifts_MM, np.float64))

    @property
    def appended(self) -> int:
        """One number for each modality of queries."""
        return len(self.modalities)

    def apply(self, rows: Rows, role: Role) -> Array:
        """Rows (N, D + M): which modality a query is of, or the shifts of a candidate.

        Raises:
            InputError: the run has no such modality.
        """
        if rows.modality not in self.modalities:
            raise InputError(
                f"the calibration {self.name!r} has the biases of {', '.join(self.modalities)}, "
                f"which the run was trained with, and none of {rows.modality}"
            )
        if role == "query":
            return with_modality(rows, self.modalities)
        xp, x_ND = array_namespace(rows.whole), rows.whole
        shift_M = like(self.shifts_MM[:, self.modalities.index(rows.modality)], x_ND)
        shift_NM = xp.broadcast_to(shift_M, (x_ND.shape[0], self.appended))
        return xp.concat([x_ND, shift_NM], axis=1)

    def arrays(self) -> Mapping[str, FloatArray]:
        """The shifts (M, M); the modalities stand in the name."""
        return {",".join(self.modalities): self.shifts_MM}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """The calibration with this state."""
        ((names, shifts_MM),) = arrays.items()
        return cls(tuple(names.split(",")), shifts_MM)
