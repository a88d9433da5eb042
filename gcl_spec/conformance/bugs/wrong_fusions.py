"""Known bugs in the fusion of rows, each as `Dense` with one step overridden."""

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.conformance.bugs.dense import Call, Dense
from gcl_spec.conformance.cases.fused import Fused

__all__ = ["WRONG_FUSIONS"]


class _Detached(Dense):
    def through_norm(self, fused: Fused, m: int, g_BD: FloatArray) -> FloatArray:
        return np.zeros_like(g_BD)


class _NormDetached(Dense):
    """The norm of the sum is taken for a constant."""

    def through_norm(self, fused: Fused, m: int, g_BD: FloatArray) -> FloatArray:
        return np.asarray(g_BD / fused.sizes[m])


class _NormTwice(Dense):
    def through_norm(self, fused: Fused, m: int, g_BD: FloatArray) -> FloatArray:
        right_BD = super().through_norm(fused, m, g_BD)
        return np.asarray(2 * right_BD - g_BD / fused.sizes[m])


class _NotDivided(Dense):
    def through_norm(self, fused: Fused, m: int, g_BD: FloatArray) -> FloatArray:
        return np.asarray(fused.sizes[m] * super().through_norm(fused, m, g_BD))


class _WeightsLostOnTheWayBack(Dense):
    def part_weights(self, fused: Fused, m: int) -> FloatArray:
        return np.ones_like(fused.weights[m])


class _WeightsSwappedOnTheWayBack(Dense):
    def part_weights(self, fused: Fused, m: int) -> FloatArray:
        return fused.weights[m][::-1]


class _OnePart(Dense):
    def part_weights(self, fused: Fused, m: int) -> FloatArray:
        weights = fused.weights[m].copy()
        weights[1] = 0
        return weights


class _NotNormalised(Dense):
    """The fused row is the sum itself, not divided by its norm."""

    def rows(self, call: Call) -> FloatArray:
        fused = call.fused
        for m, size_B1 in fused.sizes.items():
            fused.rows_MBD[m] *= size_B1
        return fused.rows_MBD.reshape(-1, call.z_MBD.shape[2])


WRONG_FUSIONS = {
    "no gradient through the fusion": _Detached(),
    "norm of the fused sum taken for a constant": _NormDetached(),
    "gradient of the fused sum's norm twice": _NormTwice(),
    "gradient of the fusion not divided by its norm": _NotDivided(),
    "gradient of the fusion without its weights": _WeightsLostOnTheWayBack(),
    "gradient of the fusion with weights swapped": _WeightsSwappedOnTheWayBack(),
    "gradient of the fusion to one part only": _OnePart(),
    "fused rows not normalised": _NotNormalised(),
}
"""The bugs by name; all of them are right where all rows are given."""
