"""The weights with which a fusion of unit rows equals that of the rows before normalisation."""

from collections.abc import Mapping

from gcl_spec._typing import Array
from gcl_spec.objective.family import Objective
from gcl_spec.objective.names import name_parts

__all__ = ["fusion_weights"]


def fusion_weights(
    objective: Objective, norms: Mapping[str, Array]
) -> dict[str, tuple[Array, Array]]:
    """The weights of unit rows that give the fusion of the rows before they were normalised.

    Args:
        objective: whose fused modalities "a+b" are weighted.
        norms: the norms (B,) of the rows of each given modality.

    Returns:
        The weights (B,) of "a" and of "b", by the name of the fused modality.
    """
    fused = {name: name_parts(name) for name in objective.modalities}
    return {n: (norms[p[0]], norms[p[1]]) for n, p in fused.items() if len(p) == 2}
