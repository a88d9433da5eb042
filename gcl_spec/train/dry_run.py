"""Estimates what a training would take, from two steps of it."""

import time
from dataclasses import dataclass
from pathlib import Path

from gcl_spec.backend import TrainingBackend
from gcl_spec.config.options import Config
from gcl_spec.progress import Quiet
from gcl_spec.registry import choose_device
from gcl_spec.run.state import trained_size
from gcl_spec.run.weights import weights_of
from gcl_spec.train.adapter_widths import resolved
from gcl_spec.train.heartbeat import watched
from gcl_spec.train.loop import Guard, train_step
from gcl_spec.train.open_data import open_data
from gcl_spec.train.optimizer_rules import learning_rate

__all__ = ["DryRun", "dry_run"]


@dataclass(frozen=True, slots=True)
class DryRun:
    """The findings of `gcl train --dry-run`.

    rank: the rank of the process, whose memory it is.
    """

    parameters: int
    seconds_per_step: float
    seconds_in_all: float
    peak_memory_mb: float
    rank: int = 0


def dry_run(
    config: Config,
    backend: TrainingBackend,
    *,
    device: str | None = None,
    init: Path | None = None,
    allow_unverified: bool = False,
) -> DryRun:
    """Make two steps on real data, and write nothing but the cache of tower outputs.

    The estimate covers the steps, without the towers' first pass and the evaluation.
    """
    import resource

    config = resolved(config)
    state = None if init is None else weights_of(init, allow_unverified=allow_unverified)
    trainer = backend.trainer(config, device=choose_device(backend, device), state=state)
    world = trainer.world
    guard = Guard(config.optim.skip_nonfinite)
    times = []
    watch = watched(world, config.train.timeout)
    with watch, open_data(config, trainer, world, Quiet(), only_steps=2) as data:
        for step in range(min(2, config.train.steps)):
            begun = time.monotonic()
            lr = learning_rate(step, steps=config.train.steps, optim=config.optim)
            guard.add(step + 1, lr, train_step(trainer, data, step, lr))
            guard.read()
            times.append(time.monotonic() - begun)
    return DryRun(
        parameters=trained_size(trainer.state()),
        seconds_per_step=times[-1],
        seconds_in_all=times[-1] * config.train.steps,
        peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        rank=world.rank,
    )
