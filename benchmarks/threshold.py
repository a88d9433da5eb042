"""From which batch on are tiles faster than whole blocks? One thread, forward and backward.

python benchmarks/threshold.py
"""

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import torch

import gcl_jax
import gcl_torch
from gcl_spec.bench.measure import draw
from gcl_spec.loss.equation import gcl_loss
from gcl_spec.loss.plain import plain_blocks

REPEATS = 15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, action="append", dest="batches")
    parser.add_argument("-d", type=int, default=512)
    given = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'N':>6} {'torch blocks':>14} {'tiles':>8} {'JAX blocks':>12} {'tiles':>8}   ms")
    for batch in given.batches or [32, 64, 128, 192, 256, 384, 512]:
        inputs = draw(batch, given.d)
        ms: list[float] = []
        for prepare in (of_torch, of_jax):
            # Tiles of at most 256 samples, and one tile of all where that is less.
            blocks, tiles = (prepare(inputs, tile) for tile in (None, min(batch, 256)))
            ms += in_turn(blocks, tiles)
        print(f"{batch:>6} {ms[0]:>14.1f} {ms[1]:>8.1f} {ms[2]:>12.1f} {ms[3]:>8.1f}")


def of_torch(inputs: Any, tile: int | None) -> Callable[[], Any]:
    leaves = [
        torch.tensor(x, dtype=torch.float32, requires_grad=True)
        for x in (inputs.image_BD, inputs.text_BD, inputs.log_scale)
    ]

    def step() -> Any:
        *rows, scale = leaves
        if tile is None:
            loss = gcl_loss(*rows, log_scale=scale, kernel=plain_blocks)
        else:
            loss = gcl_torch.gcl_loss(*rows, log_scale=scale, tile=tile)
        return torch.autograd.grad(loss, leaves)

    return step


def of_jax(inputs: Any, tile: int | None) -> Callable[[], Any]:
    def value(image: Any, text: Any, scale: Any) -> Any:
        if tile is None:
            return gcl_loss(image, text, log_scale=scale, kernel=plain_blocks, xp=jnp)
        return gcl_jax.gcl_loss(image, text, log_scale=scale, tile=tile)

    arrays = [
        jnp.asarray(x, jnp.float32) for x in (inputs.image_BD, inputs.text_BD, inputs.log_scale)
    ]
    step = jax.jit(jax.value_and_grad(value, argnums=(0, 1, 2))).lower(*arrays).compile()
    return lambda: jax.block_until_ready(step(*arrays))


def in_turn(*steps: Callable[[], Any]) -> list[float]:
    """Median milliseconds of each."""
    times: list[list[float]] = [[] for _ in steps]
    for _ in range(REPEATS + 2):
        for step, step_times in zip(steps, times, strict=True):
            begun = time.perf_counter()
            step()
            step_times.append(1e3 * (time.perf_counter() - begun))
    return [median(step_times[2:]) for step_times in times]


if __name__ == "__main__":
    main()
