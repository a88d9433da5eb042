"""GCL in a plain JAX loop: parameters in a dictionary, one compiled step.

python examples/plain_jax.py
"""

import argparse
from typing import Any

import jax
import jax.numpy as jnp
import optax
from shapes import CAPTIONS, VOCABULARY, Shapes, draw

from gcl_jax import gcl_loss
from gcl_spec.normalize import l2_normalize

WIDTH = 64
OPTIMIZER = optax.adamw(3e-3)


def init(key: jax.Array) -> dict[str, jax.Array]:
    patch, mix, words = jax.random.split(key, 3)
    return {
        "patch": jax.random.normal(patch, (3 * 8 * 8, 128)) / 14,
        "mix": jax.random.normal(mix, (16 * 128, WIDTH)) / 45,
        "words": jax.random.normal(words, (len(VOCABULARY), WIDTH)),
        "log_scale": jnp.log(jnp.asarray(1 / 0.07)),
    }


def encode(params: dict[str, jax.Array], batch: Shapes) -> tuple[jax.Array, jax.Array]:
    patches = batch.pixels.reshape(-1, 3, 4, 8, 4, 8).transpose(0, 2, 4, 1, 3, 5)
    patches = patches.reshape(-1, 16, 3 * 8 * 8)
    image = jax.nn.gelu(patches @ params["patch"]).reshape(-1, 16 * 128) @ params["mix"]
    text = params["words"][batch.tokens].mean(1)
    return l2_normalize(image, xp=jnp), l2_normalize(text, xp=jnp)


def loss_of(params: dict[str, jax.Array], batch: Shapes) -> jax.Array:
    image, text = encode(params, batch)
    return gcl_loss(image, text, log_scale=params["log_scale"], ids=batch.ids)


@jax.jit
def train_step(params: Any, state: Any, batch: Shapes) -> tuple[Any, Any, jax.Array]:
    loss, grads = jax.value_and_grad(loss_of)(params, batch)
    updates, state = OPTIMIZER.update(grads, state, params)
    return optax.apply_updates(params, updates), state, loss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=150)
    steps = parser.parse_args().steps
    params = init(jax.random.key(0))
    state = OPTIMIZER.init(params)
    for step in range(steps):
        params, state, loss = train_step(params, state, draw(128, seed=step))
        if step % 50 == 0 or step == steps - 1:
            print(f"step {step:>4}  loss {loss:.3f}")

    batch = draw(200, seed=10**6)
    image, text = encode(params, batch)
    hits = batch.ids[(text @ image.T).argmax(1)] == batch.ids
    print(f"text -> image, hit@1: {hits.mean():.2f} (by chance {1 / len(CAPTIONS):.2f})")


if __name__ == "__main__":
    main()
