"""Rows of fused modalities that are not given, for the bounds and the known bugs."""

import numpy as np

from gcl_spec._typing import BoolArray, FloatArray
from gcl_spec.loss.inputs import given_modalities, parts_of_fused
from gcl_spec.objective import Objective

__all__ = ["Fused"]


class Fused:
    """The modalities that are given, and the two parts of which each of the others is made.

    A fused row is e = t / |t| of the total t = w_a e_a + w_b e_b, as UniIR's score fusion has it
    (arXiv 2311.17136).

    Args:
        z_CBD: rows of the C modalities that are given, shape (C, B, D); a row that is not present
            is taken as zero.
        objective: its modalities are the given ones and the fused ones.
        present: (M, B); all rows are present when not given.
        weights: (F, 2, B), the weights of the two parts of each fused modality; 1 when not given.
    """

    def __init__(
        self,
        z_CBD: FloatArray,
        objective: Objective,
        present: BoolArray | None = None,
        weights: FloatArray | None = None,
    ) -> None:
        names = objective.modalities
        known = given_modalities(objective, len(z_CBD))
        fused = [name for name in names if name not in known]
        self.given = [names.index(name) for name in known]
        self.parts = {
            names.index(n): [names.index(p) for p in parts_of_fused(n) or ()] for n in fused
        }
        shape = (len(names), *z_CBD.shape[1:])
        self.present = np.ones(shape[:2], bool) if present is None else present
        ones = np.ones((len(fused), 2, shape[1]), z_CBD.dtype)
        columns = (ones if weights is None else weights)[..., None]
        self.weights: dict[int, FloatArray] = dict(zip(self.parts, columns, strict=True))
        self.rows_MBD = np.zeros(shape, z_CBD.dtype)
        self.rows_MBD[self.given] = np.where(self.present[self.given][..., None], z_CBD, 0)
        self.sizes: dict[int, FloatArray] = {}
        for m, parts in self.parts.items():
            total_BD = (self.weights[m] * self.rows_MBD[parts]).sum(axis=0)
            size_B1 = np.linalg.norm(total_BD, axis=-1, keepdims=True)
            self.sizes[m] = np.where(size_B1 > 0, size_B1, size_B1.dtype.type(1))
            here_B1 = self.present[m][:, None]
            self.rows_MBD[m] = np.where(here_B1, total_BD / self.sizes[m], 0)

    @property
    def cancellation(self) -> float:
        """The largest (|w_a e_a| + |w_b e_b|) / |t|, by which a fusion multiplies rounding errors.

        It is infinite where two parts cancel out, and 0 where nothing is fused.
        """
        ratios = [0.0]
        for m, parts in self.parts.items():
            norms_2B = np.linalg.norm(self.weights[m] * self.rows_MBD[parts], axis=-1)
            sums_B = np.where(self.present[m], norms_2B.sum(axis=0), 0)
            lost_B = (sums_B > 0) & ~self.rows_MBD[m].any(axis=-1)
            ratios.append(float(np.where(lost_B, np.inf, sums_B / self.sizes[m][:, 0]).max()))
        return max(ratios)

    @property
    def slope(self) -> float:
        """The largest w / |t|, by which a gradient is multiplied on its way to a part."""
        slopes = [0.0]
        for m in self.parts:
            slopes_B = np.abs(self.weights[m]).max(axis=(0, 2)) / self.sizes[m][:, 0]
            slopes.append(float(np.where(self.present[m], slopes_B, 0).max()))
        return max(slopes)
