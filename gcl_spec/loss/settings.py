"""The settings of the family of objectives that `gcl bench loss` measures beside GCL."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.objective import PRESETS, Objective

__all__ = ["FAMILY", "Setting"]


class Setting(NamedTuple):
    """An objective with the shapes of its scale and bias, whose values change no cost."""

    objective: Objective
    what: str
    """What the objective is, in a few words."""
    scales: tuple[int, ...] = ()
    """The shape of `log_scale`."""
    biases: tuple[int, ...] | None = None
    """The shape of `bias`; None: there is none."""

    def log_scale(self, value: float) -> FloatArray:
        """An array of the shape `scales` that holds this value everywhere."""
        return np.full(self.scales, value)

    def bias(self) -> FloatArray | None:
        """Zeros of the shape `biases`."""
        return None if self.biases is None else np.zeros(self.biases)


FAMILY: Mapping[str, Setting] = MappingProxyType(
    {
        "trident-joint": Setting(PRESETS["trident-joint"], "shares among positives, lambda 0"),
        "pair-scales": Setting(Objective(scales="pair"), "a temperature for each pair", (3, 3)),
        "e5-omni": Setting(PRESETS["e5-omni"], "a temperature for each modality, debiased", (2,)),
        "pair-biases": Setting(Objective(), "a bias for each pair", biases=(3, 3)),
        "hardness": Setting(Objective(hardness=9.0), "attached hardness weights, alpha 9"),
        "hardness-detached": Setting(
            Objective(hardness=9.0, hardness_weights="detached"), "detached hardness weights"
        ),
        "siglip-all": Setting(
            PRESETS["siglip-all"], "a sigmoid on all pairs of rows, with a bias", biases=()
        ),
    }
)
"""The settings by the names of candidates without "gram:", each of image, text and fused rows."""
