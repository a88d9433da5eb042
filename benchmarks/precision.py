"""How right are float32 gradients as pairs become alike? Against float64, on 300 pairs, d = 128.

python benchmarks/precision.py

It prints |gradient - exact| / |exact| for texts that are their images with less and less noise.
"""

from collections.abc import Callable
from functools import partial
from math import log
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

import gcl_jax
import gcl_torch
from gcl_spec.loss.equation import gcl_loss
from gcl_spec.loss.plain import plain_blocks
from gcl_spec.normalize import l2_normalize

Pair = tuple[np.ndarray, np.ndarray]
Gradients = Callable[[Pair, float], np.ndarray]


def main() -> None:
    losses: dict[str, Gradients] = {
        "torch: autodiff": of_torch(partial(gcl_loss, kernel=plain_blocks)),
        "torch: tiles": of_torch(gcl_torch.gcl_loss),
        "torch: tiles, bfloat16": of_torch(partial(gcl_torch.gcl_loss, operands="bfloat16")),
        "JAX: autodiff": of_jax(partial(gcl_loss, kernel=plain_blocks, xp=jnp)),
        "JAX: tiles": of_jax(gcl_jax.gcl_loss),
    }
    exact = of_torch(partial(gcl_loss, kernel=plain_blocks), torch.float64)
    print(f"{'scale':>5} {'noise':>6}  " + "  ".join(f"{name:>22}" for name in losses))
    for scale in (20.0, 100.0):
        for noise in (1.0, 0.1, 0.01, 0.001):
            pair = pairs(noise)
            want = exact(pair, scale)
            errors = (np.linalg.norm(of(pair, scale) - want) for of in losses.values())
            cells = "  ".join(f"{error / np.linalg.norm(want):>22.1e}" for error in errors)
            print(f"{scale:>5.0f} {noise:>6}  {cells}")


def pairs(noise: float) -> Pair:
    """Unit rows in float32; noise: its norm beside that of the image."""
    image, other = l2_normalize(np.random.default_rng(0).normal(size=(2, 300, 128)))
    text = l2_normalize(image + noise * other)
    return image.astype(np.float32), text.astype(np.float32)


def of_torch(loss: Callable[..., Any], dtype: torch.dtype = torch.float32) -> Gradients:
    def gradients(pair: Pair, scale: float) -> np.ndarray:
        rows = [torch.tensor(x, dtype=dtype, requires_grad=True) for x in pair]
        by_rows = torch.autograd.grad(loss(*rows, log_scale=log(scale)), rows)
        return torch.stack(by_rows).double().numpy()

    return gradients


def of_jax(loss: Callable[..., Any]) -> Gradients:
    step = jax.jit(jax.grad(lambda pair, log_scale: loss(*pair, log_scale=log_scale)))

    def gradients(pair: Pair, scale: float) -> np.ndarray:
        return np.stack([np.asarray(x, np.float64) for x in step(pair, log(scale))])

    return gradients


if __name__ == "__main__":
    main()
