"""Low-rank matrices beside the weights of a tower (LoRA, Hu et al. 2021, arXiv 2106.09685)."""

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

__all__ = ["LORA_ALPHA", "merged"]

LORA_ALPHA = 2
"""The factor of the product of LoRA matrices, alpha / rank in the terms of Hu et al."""


def merged(parameters: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Weights with their LoRA matrices added: W + alpha / rank B A (arXiv 2106.09685, section 4.1).

    Args:
        parameters: arrays by name, of the shapes of the model; beside W (O, I) stand A (rank, I)
            and B (O, rank).

    Returns:
        Arrays by name, of the same shapes, without A and B.

    >>> import numpy as np
    >>> weights = merged({
    ...     "q.weight": np.zeros((2, 2)), "q.lora_A.weight": np.ones((1, 2)),
    ...     "q.lora_B.weight": np.ones((2, 1)),
    ... })
    >>> weights["q.weight"].tolist()
    [[2.0, 2.0], [2.0, 2.0]]
    """
    weights = {name: x for name, x in parameters.items() if ".lora_" not in name}
    for name, a in parameters.items():
        if name.endswith(".lora_A.weight"):
            base = name.removesuffix(".lora_A.weight")
            b = parameters[f"{base}.lora_B.weight"]
            weights[f"{base}.weight"] = weights[f"{base}.weight"] + LORA_ALPHA * (b @ a)
    return weights
