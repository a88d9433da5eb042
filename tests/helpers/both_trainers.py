"""The torch and the JAX trainer of one config, batches for both, and steps of either."""

from typing import Any

import numpy as np

from gcl_jax.train.trainer import JaxTrainer
from gcl_spec.batch import Batch
from gcl_spec.config.toml import loads
from gcl_torch.train.trainer import TorchTrainer

SMALL = ["model.width=16", "model.hidden=32", "train.batch_size=12"]
LR = 1e-3


def batch(step: int, size: int = 12) -> Batch:
    rng = np.random.default_rng(step)
    inputs = {
        "image/features": rng.normal(size=(size, 1280)).astype(np.float32),
        "text/features": rng.normal(size=(size, 384)).astype(np.float32),
    }
    ids = np.minimum(np.arange(size), size - 2)
    return Batch(inputs, {"image": np.ones(size, bool), "text": np.arange(size) != 3}, ids)


def both(*sets: str, state: Any = None) -> tuple[TorchTrainer, JaxTrainer]:
    config = loads("", [*SMALL, *sets])
    return (
        TorchTrainer(config, device="cpu", state=state),
        JaxTrainer(config, device="cpu:0", state=state),
    )


def run(trainer: Any, steps: int, first: int = 0) -> list[dict[str, float]]:
    found = [trainer.step(batch(step), lr=LR) for step in range(first, first + steps)]
    return [{name: float(x) for name, x in values.items()} for values in found]


def same(one: Any, two: Any) -> bool:
    return one.keys() == two.keys() and all(
        one[n].dtype == two[n].dtype and np.array_equal(one[n], two[n]) for n in one
    )


def broken_off(*sets: str, which: int) -> dict[str, np.ndarray]:
    """The state of torch (0) or JAX (1) after two steps; two more from it end as four in one go."""
    whole, half = both(*sets)[which], both(*sets)[which]
    run(whole, 4)
    run(half, 2)
    state = half.state()
    resumed = both(*sets, state=state)[which]
    run(resumed, 2, 2)
    assert same(whole.state(), resumed.state())
    return dict(state)
