"""Weights of new layers, drawn by NumPy so that a seed starts every backend at the same numbers."""

import numpy as np

from gcl_spec._typing import FloatArray

__all__ = ["head_weights"]


def head_weights(
    name: str, inputs: int, hidden: int, width: int, seed: int
) -> dict[str, FloatArray]:
    """The weights of a projection head: standardise, linear, GELU, linear.

    Weights are uniform in [-a, a] with a = sqrt(6 / (inputs + outputs)) (Glorot and Bengio, AISTATS
    2010, equation 16).

    Args:
        name: the name of the head; heads of other names get other weights.
        inputs, hidden, width: numbers of features before, between and after the layers.
        seed: any integer from 0 on.

    Returns:
        Float32 arrays: "1.weight" of shape (hidden, inputs), "1.bias" (hidden,), "3.weight" (width,
        hidden) and "3.bias" (width,).

    >>> {name: x.shape for name, x in head_weights("image_head", 4, 3, 2, seed=0).items()}
    {'1.weight': (3, 4), '1.bias': (3,), '3.weight': (2, 3), '3.bias': (2,)}
    """
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, *name.encode()])))
    weights = {}
    for layer, (fan_in, fan_out) in {"1": (inputs, hidden), "3": (hidden, width)}.items():
        bound = (6.0 / (fan_in + fan_out)) ** 0.5
        weights[f"{layer}.weight"] = rng.uniform(-bound, bound, (fan_out, fan_in))
        # Biases are not zeros, because a blank picture has no features and still needs a direction.
        weights[f"{layer}.bias"] = rng.uniform(-(fan_in**-0.5), fan_in**-0.5, fan_out)
    return {key: x.astype(np.float32) for key, x in weights.items()}
