"""Run by `test_jax_surroundings.py`: JAX without jit, and with axes of a mesh that are Explicit."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

import gcl_jax
from gcl_spec.loss.equation import gcl_loss as neutral_loss
from gcl_spec.normalize import l2_normalize
from gcl_spec.objective import CLIP


def pair(samples: int) -> list[jax.Array]:
    drawn = np.random.default_rng(0).normal(size=(2, samples, 8)).astype(np.float32)
    return [jnp.asarray(x) for x in l2_normalize(drawn)]


def loss(image: jax.Array, text: jax.Array, **options: object) -> jax.Array:
    return gcl_jax.gcl_loss(image, text, log_scale=2.0, **options)


def explicit() -> None:
    mesh = jax.make_mesh((2,), ("data",))
    rows = NamedSharding(mesh, PartitionSpec("data"))
    for samples in (8, 130):
        alone = pair(samples)
        want, grads = jax.jit(jax.value_and_grad(loss, (0, 1)))(*alone)
        spread = [jax.device_put(x, rows) for x in alone]
        found, by_rows = jax.jit(jax.value_and_grad(loss, (0, 1)))(*spread)
        assert by_rows[0].sharding.spec[0] == "data"
        np.testing.assert_allclose(found, want, rtol=1e-6)
        np.testing.assert_allclose(by_rows, grads, rtol=1e-4, atol=1e-7)
    here = jax.device_put(jnp.arange(130) % 5 != 2, rows)
    ids = jax.device_put(jnp.arange(130) % 40, rows)
    masks = {"present": {"text": here}, "ids": ids}
    want = loss(*alone, **jax.tree.map(lambda x: jnp.asarray(np.asarray(x)), masks))
    found = jax.jit(lambda *x: neutral_loss(*x, log_scale=2.0, xp=jnp, **masks))(*spread)
    np.testing.assert_allclose(found, want, rtol=1e-6)


def disabled() -> None:
    """Every operation is compiled alone, so these are few."""
    alone = pair(130)
    options = {"log_scale": 2.0, "objective": CLIP}
    wanted = neutral_loss(*(np.asarray(x, np.float64) for x in alone), **options)

    def encode(params: jax.Array, part: dict[str, jax.Array]) -> dict[str, jax.Array]:
        return {name: x @ params for name, x in part.items()}

    def of(log_scale: jax.Array, image: jax.Array, text: jax.Array) -> jax.Array:
        return gcl_jax.gcl_loss(image, text, log_scale=log_scale, objective=CLIP)

    step = gcl_jax.cached_value_and_grad(encode, of, microbatch=60)
    batch = dict(zip(("image", "text"), alone, strict=True))
    value, (by_params, _) = step(jnp.eye(8), batch, jnp.asarray(2.0))
    np.testing.assert_allclose(value, wanted, rtol=1e-5)
    assert np.isfinite(np.asarray(by_params)).all()


if __name__ == "__main__":
    {"explicit": explicit, "disabled": disabled}[sys.argv[1]]()
    print("done")
