"""The same steps on torch and JAX: losses from one state, and samples per second.

python benchmarks/parity.py --recipe tiny --steps 50
"""

import argparse
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from gcl_spec import registry
from gcl_spec.config import toml
from gcl_spec.config.options import Config
from gcl_spec.progress import Quiet
from gcl_spec.train.data import TrainingData
from gcl_spec.train.optimizer_rules import learning_rate

_WARM_UP = 5
"""Steps that are not timed: compiled by then, but for other lengths of text."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="tiny")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--set", action="append", default=[], dest="sets")
    given = parser.parse_args()
    sets = [f"train.steps={given.steps}", *given.sets]
    config = toml.load(recipe=given.recipe, overrides=sets)
    torch = train("torch", config, None)
    jax = train("jax", config, torch.start)
    print(f"{'step':>6} {'torch':>12} {'jax':>12} {'relative':>10}")
    for step in sorted({0, 1, 2, 4, 9, 19, 29, 39, given.steps - 1}):
        if step < given.steps:
            a, b = torch.losses[step], jax.losses[step]
            print(f"{step + 1:>6} {a:>12.7f} {b:>12.7f} {abs(a - b) / a:>10.1e}")
    worst = np.max(np.abs(torch.losses - jax.losses) / torch.losses)
    print(f"largest relative difference of the loss over {given.steps} steps: {worst:.1e}")
    # The gradient of a key's bias is 0 but for rounding, which AdamW makes whole steps of.
    apart = {
        name: float(np.linalg.norm(x - jax.end[name]) / max(np.linalg.norm(x), 1e-12))
        for name, x in torch.end.items()
        if name.startswith("params/") and not name.endswith("k_proj.bias")
    }
    name = max(apart, key=lambda key: apart[key])
    print(f"largest relative distance of a parameter after them: {apart[name]:.1e} ({name})")
    print(f"samples per second: torch {torch.speed:.0f}, jax {jax.speed:.0f}")
    print(f"recipe {given.recipe}, batch {config.train.batch_size}, CPU")


class Trained(NamedTuple):
    """Some steps of one backend."""

    losses: np.ndarray
    speed: float
    """Samples per second, without reading the data."""
    start: Mapping[str, Any]
    end: Mapping[str, Any]


def train(name: str, config: Config, start: Any) -> Trained:
    """Steps on the CPU, from the state `start` where it is given."""
    backend = registry.load_training(name)
    device = next(d for d in backend.devices() if d.startswith("cpu"))
    trainer = backend.trainer(config, device=device, state=start)
    start = start or trainer.state()
    steps = config.train.steps
    data = TrainingData(config, trainer, Quiet(), only_steps=steps)
    batches = [data.batch(step) for step in range(steps)]
    data.close()
    step_losses: list[Any] = []
    begun = 0.0
    for step, batch in enumerate(batches):
        if step == _WARM_UP:
            float(step_losses[-1])
            begun = time.monotonic()
        lr = learning_rate(step, steps=steps, optim=config.optim)
        step_losses.append(trainer.step(batch, lr=lr)["loss"])
    losses = np.asarray([float(x) for x in step_losses])
    speed = (steps - _WARM_UP) * config.train.batch_size / (time.monotonic() - begun)
    return Trained(losses, speed, start, trainer.state())


if __name__ == "__main__":
    main()
