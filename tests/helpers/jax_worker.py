"""Losses on meshes of forced host devices, printed as JSON; run by `test_jax_mesh`."""

import json
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from gcl_jax import gcl_loss
from gcl_jax.loss.mesh import share_of
from gcl_spec.loss.equation import gcl_loss as plain_loss
from gcl_spec.objective import CLIP, Objective

jax.config.update("jax_enable_x64", True)

SAMPLES, WIDTH = 40, 6


def rows(seed: int) -> jax.Array:
    x = np.random.default_rng(seed).normal(size=(SAMPLES, WIDTH))
    return jnp.asarray(x / np.linalg.norm(x, axis=1, keepdims=True))


def step(loss: Any, *inputs: jax.Array) -> Any:
    value, grads = jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2)))(*inputs)
    flat = np.concatenate([np.asarray(g).ravel() for g in grads[:2]])
    return float(value), flat, float(grads[2])


def apart(image: jax.Array) -> dict[str, list[float]]:
    """Every logit far below 0, where a device without some tile must not count exp(0) for it.

    At this scale each row has a maximum of its own.
    """
    mesh = jax.make_mesh((4,), ("data",), axis_types=(AxisType.Auto,))
    cut, none = PartitionSpec("data"), PartitionSpec()
    text = -image[::-1]
    image = image + 3 * image[:1]
    image, text = (x / jnp.linalg.norm(x, axis=1, keepdims=True) for x in (image, text - image))
    shared = jax.shard_map(
        lambda i, t, s: gcl_loss(i, t, log_scale=s, objective=CLIP, tile=8, axis_name="data"),
        mesh=mesh,
        in_specs=(cut, cut, none),
        out_specs=none,
    )
    scale = jnp.log(3000.0)
    whole = step(
        lambda i, t, s: plain_loss(i, t, log_scale=s, objective=CLIP, xp=jnp), image, text, scale
    )
    inputs = [jax.device_put(x, NamedSharding(mesh, cut)) for x in (image, text)]
    value, flat, by_scale = step(shared, *inputs, scale)
    error = np.linalg.norm(flat - whole[1]) / np.linalg.norm(whole[1])
    largest = float((image @ text.T).max())
    return {"apart": [whole[0], largest, whole[2]], "apart 4": [value, float(error), by_scale]}


def sigmoid(image: jax.Array, text: jax.Array) -> dict[str, list[float]]:
    """A sigmoid's loss in one pass, whose positives one device alone must add."""
    mesh = jax.make_mesh((4,), ("data",), axis_types=(AxisType.Auto,))
    cut, none = PartitionSpec("data"), PartitionSpec()
    options: dict[str, Any] = {"objective": Objective(loss="sigmoid"), "bias": -2.0}
    shared = jax.shard_map(
        lambda i, t, s: gcl_loss(i, t, log_scale=s, tile=8, axis_name="data", **options),
        mesh=mesh,
        in_specs=(cut, cut, none),
        out_specs=none,
    )
    scale = jnp.asarray(2.0)
    whole = step(
        lambda i, t, s: plain_loss(i, t, log_scale=s, xp=jnp, **options), image, text, scale
    )
    inputs = [jax.device_put(x, NamedSharding(mesh, cut)) for x in (image, text)]
    value, flat, by_scale = step(shared, *inputs, scale)
    error = np.linalg.norm(flat - whole[1]) / np.linalg.norm(whole[1])
    return {"sigmoid": [whole[0], 0.0, whole[2]], "sigmoid 4": [value, float(error), by_scale]}


def main() -> None:
    image, text, scale = rows(0), rows(1), jnp.asarray(3.0)
    ids = jnp.arange(SAMPLES) % 33
    whole = step(lambda i, t, s: plain_loss(i, t, log_scale=s, ids=ids, xp=jnp), image, text, scale)
    found: dict[str, list[float]] = {"whole": [whole[0], 0.0, whole[2]]}
    for devices in (1, 4):
        mesh = jax.make_mesh((devices,), ("data",), axis_types=(AxisType.Auto,))
        cut = PartitionSpec("data")
        spread = NamedSharding(mesh, cut)
        inputs = [*(jax.device_put(x, spread) for x in (image, text)), scale]
        sharded_ids = jax.device_put(ids, spread)
        losses: dict[str, Any] = {"jit": partial(_whole, ids=sharded_ids)}
        for kind, tile in (("shard_map", 8), ("shard_map direct", None)):
            if tile is None and devices != 4:
                continue
            shared = jax.shard_map(
                partial(_shared, tile=tile),
                mesh=mesh,
                in_specs=(cut, cut, PartitionSpec(), cut),
                out_specs=PartitionSpec(),
            )
            losses[kind] = lambda i, t, s, f=shared, k=sharded_ids: f(i, t, s, k)
        for kind, loss in losses.items():
            value, flat, by_scale = step(loss, *inputs)
            error = np.linalg.norm(flat - whole[1]) / np.linalg.norm(whole[1])
            found[f"{kind} {devices}"] = [value, float(error), by_scale]
    found |= apart(image) | sigmoid(image, text)
    pairs = np.stack(np.triu_indices(7, 1), axis=1)
    found["shares"] = [float(share_of(pairs, rank, 4).valid.sum()) for rank in range(4)]
    print(json.dumps(found))


def _shared(
    image: jax.Array, text: jax.Array, scale: jax.Array, ids: jax.Array, tile: int | None
) -> jax.Array:
    present = dict.fromkeys(("image", "text"), ids >= 0)
    return gcl_loss(
        image, text, log_scale=scale, ids=ids, present=present, tile=tile, axis_name="data"
    )


def _whole(image: jax.Array, text: jax.Array, scale: jax.Array, ids: jax.Array) -> jax.Array:
    return gcl_loss(image, text, log_scale=scale, ids=ids, tile=8)


if __name__ == "__main__":
    main()
