"""How long does a depthwise convolution of EfficientNet-Lite0 take in JAX, XLA's own and ours?

python benchmarks/depthwise.py
"""

import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from gcl_jax.models.towers.layers import Conv2d

SHAPES = ((32, 80, 3, 1), (96, 80, 3, 2), (144, 40, 5, 2), (480, 10, 5, 1), (1152, 5, 5, 1))
"""Channels, side, kernel, stride, at pictures of 160 pixels."""


def seconds(run: Callable[[], jax.Array], repeats: int = 7) -> float:
    run().block_until_ready()
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        run().block_until_ready()
        times.append(time.perf_counter() - begun)
    return float(np.median(times))


def main() -> None:
    rng = np.random.default_rng(0)
    print(f"{'channels':>8} {'side':>5} {'kernel':>6} {'stride':>6} {'XLA / ours':>10}")
    for channels, side, kernel, stride in SHAPES:
        x = jnp.asarray(rng.normal(size=(8, side, side, channels)), jnp.float32)
        w = jnp.asarray(rng.normal(size=(channels, 1, kernel, kernel)), jnp.float32)
        layer = Conv2d(channels, channels, kernel, stride=stride, groups=channels)
        layer.weight[...] = w
        ours = jax.jit(lambda x, layer=layer: layer(x))
        theirs = jax.jit(
            lambda x, w=w, c=channels, s=stride: jax.lax.conv_general_dilated(
                x, w, (s, s), "SAME", dimension_numbers=("NHWC", "OIHW", "NHWC"),
                feature_group_count=c,
            )
        )  # fmt: skip
        ratio = seconds(lambda x=x, f=theirs: f(x)) / seconds(lambda x=x, f=ours: f(x))
        print(f"{channels:>8} {side:>5} {kernel:>6} {stride:>6} {ratio:>10.1f}")


if __name__ == "__main__":
    main()
