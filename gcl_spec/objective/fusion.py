"""The ways of making a fused row of the rows of its parts, and the weights that the parts have."""

from collections.abc import Iterable, Mapping
from typing import Literal

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.objective.family import Objective
from gcl_spec.objective.names import name_parts

__all__ = ["Fuse", "fusion_weights", "ratio_weights", "shares_of_first"]

Fuse = Literal["raw", "unit", "joint", "learned", "centred"]
"""How "a+b" is made: of the projections of a and b as they come, of unit rows, by the model from
both inputs together, of unit rows with a learned ratio of their weights, or of unit rows that are
centred, as the rows of a and b alone then are, too."""


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


def ratio_weights(
    log_ratio_F: Array | None, names: Iterable[str], *, xp: ArrayNamespace
) -> dict[str, tuple[Array, Array]]:
    """The weights of the two parts of fused modalities, of which only the ratio counts.

    With t = ln(w_a / w_b) they are w_a = exp(t / 2) and w_b = exp(-t / 2); at t = 0 they are equal,
    and the fusion is that of unit rows. They are derived here: any other two of this ratio give the
    same unit row, and these are the two whose product is 1.

    Args:
        log_ratio_F: t of each, (F,); None where no ratio is learned, and there are no weights.
        names: the F fused modalities, in the order of the ratios.
        xp: the Array API namespace of the ratios.

    Returns:
        The weights of "a" and of "b", shape () each, by the name of the fused modality.

    >>> import numpy as np
    >>> weights = ratio_weights(np.log([4.0]), ["image+text"], xp=np)["image+text"]
    >>> [round(float(w), 12) for w in weights]
    [2.0, 0.5]
    """
    if log_ratio_F is None:
        return {}
    halves = {name: log_ratio_F[i] / 2 for i, name in enumerate(names)}
    return {name: (xp.exp(half), xp.exp(-half)) for name, half in halves.items()}


def shares_of_first(weights: Mapping[str, tuple[Array, Array]]) -> dict[str, Array]:
    """The share w_a / (w_a + w_b) of the first part, shape (), by "fuse/a+b", for logs.

    Args:
        weights: two weights, shape () each, by the name of the fused modality.
    """
    return {f"fuse/{name}": a / (a + b) for name, (a, b) in weights.items()}
