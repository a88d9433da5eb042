"""What is contrasted with what: the objective as frozen data, and the presets.

Start reading at `family`, which defines `Objective`; `presets` has the published ones by name.
"""

from gcl_spec.objective.direction import Direction, Pool, all_directions
from gcl_spec.objective.family import (
    Balance,
    BiasUnit,
    Duplicates,
    HardnessWeights,
    Loss,
    Objective,
    Reduction,
    SameSample,
    Scales,
    SelfTerm,
)
from gcl_spec.objective.fusion import Fuse, fusion_weights, ratio_weights, shares_of_first
from gcl_spec.objective.names import given_names, in_order, name_parts, same_parts
from gcl_spec.objective.presets import (
    CLIP,
    GCL,
    PAIRWISE,
    PRESETS,
    SEPARATION,
    TRIPLETS,
    preset,
)

__all__ = [
    "CLIP",
    "GCL",
    "PAIRWISE",
    "PRESETS",
    "SEPARATION",
    "TRIPLETS",
    "Balance",
    "BiasUnit",
    "Direction",
    "Duplicates",
    "Fuse",
    "HardnessWeights",
    "Loss",
    "Objective",
    "Pool",
    "Reduction",
    "SameSample",
    "Scales",
    "SelfTerm",
    "all_directions",
    "fusion_weights",
    "given_names",
    "in_order",
    "name_parts",
    "preset",
    "ratio_weights",
    "same_parts",
    "shares_of_first",
]
