"""Subtracts the mean of each modality: of its rows, or of the parts before they are fused."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, ClassVar, Self

from gcl_spec._typing import Array, FloatArray
from gcl_spec.evaluate.calibrations.calibration import like, of_key
from gcl_spec.evaluate.calibrations.rows import ROLES, Fitting, Role, Rows, in_role, key, mean_row
from gcl_spec.normalize import l2_normalize

__all__ = ["CentredParts", "Mean"]


@dataclass(frozen=True)
class _Centring:
    """A calibration whose state is the means (D,) by role and modality, which it subtracts."""

    name: ClassVar[str]
    appended: ClassVar[int] = 0

    means: Mapping[str, FloatArray]

    def centred(self, rows: Rows, role: Role) -> Array:
        """The rows before they are normalised, (N, D); their mean over the fitted rows is 0."""
        return rows.whole - like(of_key(self.means, self.name, role, rows.modality), rows.whole)

    def arrays(self) -> Mapping[str, FloatArray]:
        """The means (D,)."""
        return self.means

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """The calibration with these means."""
        return cls(dict(arrays))


@dataclass(frozen=True)
class Mean(_Centring):
    """norm(z - mean), with the mean of the row's modality in its role.

    It is GR-CLIP (arXiv 2507.19054), which has means of queries and of candidates.
    """

    name: ClassVar[str] = "mean"
    meaning: ClassVar[str] = "subtracts the mean of the modality in its role"

    @classmethod
    def fit(cls, samples: Fitting) -> Self:
        """The means of the samples; see `Calibration.fit`."""
        return cls({name: mean_row(rows.whole) for name, rows in samples.items()})

    def apply(self, rows: Rows, role: Role) -> Array:
        """Unit rows (N, D); a row that is the mean itself has no direction and is 0."""
        return l2_normalize(self.centred(rows, role))


@dataclass(frozen=True)
class CentredParts(_Centring):
    """Images and texts centred by their means, then fused: norm(i_c + t_c), i_c = norm(i - mean).

    Derived here: each part is centred as in `Mean` (GR-CLIP, arXiv 2507.19054), and the sum of unit
    rows, norm(i + t), then has i_c and t_c in place of i and t.

    A row of one part is centred alone. The fusion of a model with a modality gap is not centred by
    a mean of its own, because its parts do not weigh the same there.
    """

    name: ClassVar[str] = "cfu"
    meaning: ClassVar[str] = "centres images and texts, then fuses them"

    @classmethod
    def fit(cls, samples: Fitting) -> Self:
        """The means of all rows of each part; see `Calibration.fit`."""
        means: dict[str, FloatArray] = {}
        for role in ROLES:
            for rows in in_role(samples, role).values():
                for part, z_ND in rows.parts.items():
                    # Rows of the part alone come before those in fused items.
                    if part == rows.modality or key(role, part) not in samples:
                        means[key(role, part)] = mean_row(z_ND)
        return cls(means)

    def apply(self, rows: Rows, role: Role) -> Array:
        """Unit rows (N, D), of all the parts of an item alike."""
        alone = [Rows.single(name, z_ND) for name, z_ND in rows.parts.items()]
        parts = [l2_normalize(self.centred(part, role)) for part in alone]
        return l2_normalize(reduce(add, parts)) if len(parts) > 1 else parts[0]
