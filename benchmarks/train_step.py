"""Samples a second of the same training steps on torch and JAX, which take turns.

python benchmarks/train_step.py --recipe tiny --cpus 1

Seconds of the process's CPUs say what a step computes, also where other programs run beside it;
those of the clock say how well it uses several CPUs, on a machine that does nothing else.
"""

import argparse
import os
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

_BACKENDS = ("torch", "jax")


class Took(NamedTuple):
    """Seconds of one step."""

    cpu: float
    clock: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="tiny")
    parser.add_argument("--batches", type=int, default=12)
    parser.add_argument("--turns", type=int, default=5, help="steps of each backend on each batch")
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], dest="sets")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(given.cpus)  # read when the frameworks are imported
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[: given.cpus]))
    trainers, batches = prepared(given)
    for name, trainer in trainers.items():
        first = [timed(trainer, batch) for batch in batches]
        cpu, clock = np.sum(first, axis=0)
        print(f"first steps of {name}, compiled there: {cpu:.1f} s of CPUs, {clock:.1f} s")
    took: dict[str, list[Took]] = {name: [] for name in _BACKENDS}
    for _ in range(given.turns):
        for batch in batches:
            for name, trainer in trainers.items():
                took[name].append(timed(trainer, batch))
    show(took, len(batches[0]))
    print(f"recipe {given.recipe}, batch {len(batches[0])}, {given.cpus} CPUs")


def prepared(given: argparse.Namespace) -> tuple[dict[str, Any], Sequence[Any]]:
    """Trainers by backend, and batches."""
    from gcl_spec import registry
    from gcl_spec.config import toml
    from gcl_spec.progress import Quiet
    from gcl_spec.train.data import TrainingData

    sets = [f"train.steps={given.batches}", *given.sets]
    config = toml.load(recipe=given.recipe, overrides=sets)
    trainers: dict[str, Any] = {
        name: registry.load_training(name).trainer(config, device="cpu") for name in _BACKENDS
    }
    data = TrainingData(config, trainers["torch"], Quiet(), only_steps=given.batches)
    batches = [data.batch(step) for step in range(given.batches)]
    data.close()
    return trainers, batches


def timed(trainer: Any, batch: Any) -> Took:
    """The time of one step."""
    cpu, clock = time.process_time(), time.perf_counter()
    loss = float(trainer.step(batch, lr=1e-4)["loss"])
    if not np.isfinite(loss):
        raise SystemExit("a loss is not finite")
    return Took(time.process_time() - cpu, time.perf_counter() - clock)


def show(took: dict[str, list[Took]], samples: int) -> None:
    for kind in Took._fields:
        torch, jax = (np.asarray([getattr(t, kind) for t in took[name]]) for name in _BACKENDS)
        speeds = ", ".join(
            f"{name} {samples / np.median(x):.0f}"
            for name, x in zip(_BACKENDS, (torch, jax), strict=True)
        )
        low, middle, high = np.quantile(torch / jax, (0.25, 0.5, 0.75))
        print(f"samples a second of {kind}: {speeds}; ratio {middle:.2f} ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
