"""Gives all modalities the same moments: means and trace (ReAlign), or a white covariance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from array_api_compat import array_namespace

from gcl_spec._typing import Array, FloatArray
from gcl_spec.evaluate.calibrations.calibration import like, of_key
from gcl_spec.evaluate.calibrations.rows import ROUNDING, Fitting, Role, Rows
from gcl_spec.normalize import l2_normalize

__all__ = ["ReAlign", "Whiten"]

_ANCHOR = "anchor"
_SMALLEST = 1e-6


@dataclass(frozen=True)
class ReAlign:
    """Moves each modality onto the image's mean and trace (arXiv 2602.07026: ReAlign).

    anchor and trace: y = norm(mean_i + sqrt(trace_i / trace_m) (z - mean_m)), where the trace is
    that of the covariance. centroid: norm(y - mean(y) + mean_i), since dividing by the norms has
    moved the mean. Where there are no images the first modality takes their place.

    means: (D,) by role and modality, and that of the images as "anchor".
    factors: (1,) by role and modality.
    drifts: (D,) by role and modality.
    """

    name: ClassVar[str] = "realign"
    meaning: ClassVar[str] = "moves each modality onto the images' mean and trace"
    appended: ClassVar[int] = 0

    means: Mapping[str, FloatArray]
    factors: Mapping[str, FloatArray]
    drifts: Mapping[str, FloatArray]

    @classmethod
    def fit(cls, samples: Fitting) -> Self:
        """Means, traces and drifts of the samples; see `Calibration.fit`."""
        rows = {name: np.asarray(x.whole, np.float64) for name, x in samples.items()}
        means = {name: z.mean(axis=0) for name, z in rows.items()}
        traces = {name: float(z.var(axis=0).sum()) for name, z in rows.items()}
        target = "candidate/image" if "candidate/image" in rows else min(rows)
        factors = {
            # Rows are unit rows, so that the mean of their squared lengths is 1.
            name: np.asarray([np.sqrt(traces[target] / trace) if trace > ROUNDING else 1.0])
            for name, trace in traces.items()
        }
        anchor_D = means[target]
        drifts = {
            name: l2_normalize(anchor_D + factors[name] * (z - means[name])).mean(axis=0) - anchor_D
            for name, z in rows.items()
        }
        return cls({**means, _ANCHOR: anchor_D}, factors, drifts)

    def moved(self, rows: Rows, role: Role) -> Array:
        """The rows (N, D) with the anchor's mean and trace over the fitted rows, before norms."""
        x_ND = rows.whole
        mean_D = like(of_key(self.means, self.name, role, rows.modality), x_ND)
        factor_1 = like(of_key(self.factors, self.name, role, rows.modality), x_ND)
        return like(self.means[_ANCHOR], x_ND) + factor_1 * (x_ND - mean_D)

    def apply(self, rows: Rows, role: Role) -> Array:
        """Unit rows (N, D)."""
        drift_D = like(of_key(self.drifts, self.name, role, rows.modality), rows.whole)
        return l2_normalize(l2_normalize(self.moved(rows, role)) - drift_D)

    def arrays(self) -> Mapping[str, FloatArray]:
        """Means (D,), factors (1,) and drifts (D,)."""
        kinds = {"mean": self.means, "factor": self.factors, "drift": self.drifts}
        return {
            f"{kind}/{name}": x for kind, vectors in kinds.items() for name, x in vectors.items()
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """The calibration with this state."""
        kinds: dict[str, dict[str, FloatArray]] = {"mean": {}, "factor": {}, "drift": {}}
        for name, x in arrays.items():
            kind, rest = name.split("/", 1)
            kinds[kind][rest] = x
        return cls(kinds["mean"], kinds["factor"], kinds["drift"])


@dataclass(frozen=True)
class Whiten:
    """norm(W (z - mean)): the mean is the modality's, and W = S^(-1/2) whitens all together.

    S is the covariance of the rows about the means of their modalities. One symmetric W for all
    keeps what a picture and its text have in common (ZCA, Kessy et al., arXiv 1512.00809), which
    a W for each modality would turn apart. Directions in which the samples do not vary are left
    out: fewer rows than dimensions have such.

    means: (D,) by role and modality.
    matrix: W, (D, D).
    """

    name: ClassVar[str] = "whiten"
    meaning: ClassVar[str] = "centres, then gives all directions the same variance"
    appended: ClassVar[int] = 0

    means: Mapping[str, FloatArray]
    matrix: FloatArray

    @classmethod
    def fit(cls, samples: Fitting) -> Self:
        """Means and covariance of the samples; see `Calibration.fit`."""
        rows = {name: np.asarray(x.whole, np.float64) for name, x in samples.items()}
        means = {name: z.mean(axis=0) for name, z in rows.items()}
        centred_ND = np.concatenate([z - means[name] for name, z in rows.items()])
        values_D, axes_DD = np.linalg.eigh(centred_ND.T @ centred_ND / len(centred_ND))
        kept_D = values_D > _SMALLEST * max(float(values_D[-1]), np.finfo(np.float64).tiny)
        scales_D = np.where(kept_D, 1 / np.sqrt(np.where(kept_D, values_D, 1.0)), 0.0)
        return cls(means, (axes_DD * scales_D) @ axes_DD.T)

    def white(self, rows: Rows, role: Role) -> Array:
        """The rows (N, D) before norms; over the fitted rows their covariance is the identity."""
        mean_D = like(of_key(self.means, self.name, role, rows.modality), rows.whole)
        xp = array_namespace(rows.whole)
        return xp.matmul(rows.whole - mean_D, like(self.matrix, rows.whole))

    def apply(self, rows: Rows, role: Role) -> Array:
        """Unit rows (N, D)."""
        return l2_normalize(self.white(rows, role))

    def arrays(self) -> Mapping[str, FloatArray]:
        """The means (D,) and W (D, D)."""
        return {**self.means, "matrix": self.matrix}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """The calibration with this state."""
        means = {name: x for name, x in arrays.items() if name != "matrix"}
        return cls(means, arrays["matrix"])
