"""The same steps on torch and JAX: losses from one state, and samples per second.

python benchmarks/parity.py --recipe tiny --steps 50
"""

import argparse
import time
from typing import Any

import numpy as np

from gcl_spec import config_io, registry
from gcl_spec.data.stream import TrainingData
from gcl_spec.progress import Quiet
from gcl_spec.schedule import learning_rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="tiny")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--set", action="append", default=[], dest="sets")
    given = parser.parse_args()
    sets = [f"train.steps={given.steps}", *given.sets]
    config = config_io.load(recipe=given.recipe, overrides=sets)
    start: Any = None
    losses, speeds, states = {}, {}, {}
    for name in ("torch", "jax"):
        backend = registry.load_training(name)
        device = next(d for d in backend.devices() if d.startswith("cpu"))
        trainer = backend.trainer(config, device=device, state=start)
        start = start or trainer.state()
        data = TrainingData(config, trainer, Quiet(), only_steps=given.steps)
        batches = [data.batch(step) for step in range(given.steps)]
        data.close()
        found, begun = [], 0.0
        for step, batch in enumerate(batches):
            if step == 5:  # compiled by now, but for other lengths of text
                float(found[-1])
                begun = time.monotonic()
            lr = learning_rate(step, steps=given.steps, optim=config.optim)
            found.append(trainer.step(batch, lr=lr)["loss"])
        losses[name] = np.asarray([float(x) for x in found])
        seconds = time.monotonic() - begun
        speeds[name] = (given.steps - 5) * config.train.batch_size / seconds
        states[name] = trainer.state()
    print(f"{'step':>6} {'torch':>12} {'jax':>12} {'relative':>10}")
    for step in sorted({0, 1, 2, 4, 9, 19, 29, 39, given.steps - 1}):
        if step < given.steps:
            a, b = losses["torch"][step], losses["jax"][step]
            print(f"{step + 1:>6} {a:>12.7f} {b:>12.7f} {abs(a - b) / a:>10.1e}")
    worst = np.max(np.abs(losses["torch"] - losses["jax"]) / losses["torch"])
    print(f"largest relative difference of the loss over {given.steps} steps: {worst:.1e}")
    # The gradient of a key's bias is 0 but for rounding, which AdamW makes whole steps of.
    apart = {
        name: float(np.linalg.norm(x - states["jax"][name]) / max(np.linalg.norm(x), 1e-12))
        for name, x in states["torch"].items()
        if name.startswith("params/") and not name.endswith("k_proj.bias")
    }
    name = max(apart, key=lambda key: apart[key])
    print(f"largest relative distance of a parameter after them: {apart[name]:.1e} ({name})")
    print(f"samples per second: torch {speeds['torch']:.0f}, jax {speeds['jax']:.0f}")
    print(f"recipe {given.recipe}, batch {config.train.batch_size}, CPU")


if __name__ == "__main__":
    main()
