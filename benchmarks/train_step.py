"""Samples a second of the same training steps on torch and JAX, which take turns.

python benchmarks/train_step.py --recipe tiny
"""

import argparse
import os
import time
from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np

from gcl_spec import registry
from gcl_spec.batch import Batch
from gcl_spec.config import toml
from gcl_spec.progress import Quiet
from gcl_spec.train.data import TrainingData

_BACKENDS = ("torch", "jax")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="tiny")
    parser.add_argument("--steps", type=int, default=24, help="steps of a turn")
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--set", action="append", default=[], dest="sets")
    given = parser.parse_args()
    sets = [f"train.steps={given.steps}", *given.sets]
    config = toml.load(recipe=given.recipe, overrides=sets)
    trainers: dict[str, Any] = {
        name: registry.load_training(name).trainer(config, device="cpu") for name in _BACKENDS
    }
    data = TrainingData(config, trainers["torch"], Quiet(), only_steps=given.steps)
    batches = [data.batch(step) for step in range(given.steps)]
    data.close()
    for name, trainer in trainers.items():  # compiles, for every length of text
        print(f"first turn of {name}: {seconds(trainer, batches):.2f} s")
    took = {name: [] for name in _BACKENDS}
    for _ in range(given.turns):
        for name, trainer in trainers.items():
            took[name].append(seconds(trainer, batches))
    samples = given.steps * config.train.batch_size
    for name in _BACKENDS:
        print(f"{name}: {samples / median(took[name]):.0f} samples/s")
    ratios = [t / j for t, j in zip(took["torch"], took["jax"], strict=True)]
    low, middle, high = np.quantile(ratios, (0.25, 0.5, 0.75))
    print(f"JAX over torch: {middle:.2f} (quartiles {low:.2f} to {high:.2f})")
    print(f"recipe {given.recipe}, batch {config.train.batch_size}, {os.cpu_count()} CPUs")


def seconds(trainer: Any, batches: Sequence[Batch]) -> float:
    """The time of one step on each batch."""
    begun = time.perf_counter()
    found = [trainer.step(batch, lr=1e-4)["loss"] for batch in batches]
    if not all(np.isfinite(float(x)) for x in found):
        raise SystemExit("a loss is not finite")
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
