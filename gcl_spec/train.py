"""The training loop: one, for every backend."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gcl_spec import checkpoint
from gcl_spec._typing import State
from gcl_spec.backend import Trainer, TrainingBackend
from gcl_spec.config import Config
from gcl_spec.config_io import differences
from gcl_spec.data.images import thumbnail
from gcl_spec.data.stream import TrainingData
from gcl_spec.errors import ConfigError, InputError, NoPairError, TrainingError
from gcl_spec.examples import examples
from gcl_spec.html_report import render
from gcl_spec.progress import Quiet, Reporter
from gcl_spec.registry import choose_device
from gcl_spec.run import RunFolder
from gcl_spec.schedule import learning_rate

__all__ = ["DryRun", "dry_run", "run"]

_THUMBNAIL = 144  # pixels; the page shows half of it, sharp on dense screens too


def run(
    config: Config | None,
    backend: TrainingBackend,
    out: Path,
    *,
    device: str | None = None,
    resume: bool = False,
    init: Path | None = None,
    reporter: Reporter | None = None,
) -> RunFolder:
    """Train, and evaluate the start and the end; everything goes to the run folder `out`.

    Args:
        config: all options; with `resume` None, or equal to the run's own.
        backend: whose trainer to use.
        out: a new folder, or with `resume` that of a run to go on with.
        device: one of the backend's devices; its first when not given.
        resume: go on from the newest readable checkpoint: the same steps as an unbroken run.
        init: another run, whose newest weights are the start; optimiser and step begin anew.
        reporter: shows progress.

    Raises:
        ConfigError: `out` exists, or the config is not the run's. DataError: unusable data.
        CheckpointError: no readable checkpoint, or none can be written.
        TrainingError: a loss that is not finite, or a batch without a pair; the last checkpoint
            stays.
    """
    reporter = reporter or Quiet()
    device = choose_device(backend, device)
    state: State | None
    if resume:
        folder, config, state = _reopen(out, config, reporter)
    else:
        RunFolder.check_free(out)
        config = config or Config()
        state = None if init is None else weights_of(init)
    trainer = backend.trainer(config, device=device, state=state)
    data = TrainingData(config, trainer, reporter)
    if not resume:
        before = data.test_report(trainer, reporter)
        shown = examples(data.encode_items(trainer), data.tests)
        folder = RunFolder.create(out, config, trainer.state(), before, shown)
    _loop(config, trainer, data, folder, reporter)
    _finish(trainer, data, folder, reporter)
    return folder


def weights_of(init: Path) -> State:
    """The newest parameters of another run, without its optimiser and step."""
    state = checkpoint.latest(RunFolder.open(init).checkpoints).state
    return {name: x for name, x in state.items() if name.startswith(("params/", "buffers/"))}


def _reopen(
    out: Path, config: Config | None, reporter: Reporter
) -> tuple[RunFolder, Config, State]:
    folder = RunFolder.open(out)
    own = folder.config()
    changed = [] if config is None else differences(own, config)
    if changed:
        raise ConfigError(
            f"{out} was started with other options ({'; '.join(changed)}, the run's first); "
            "resume without --recipe, --config and --set, or choose another --out"
        )
    found = checkpoint.latest(folder.checkpoints)
    for warning in found.warnings:
        reporter.say(f"warning: {warning}; going on from {found.path.name}")
    folder.cut_metrics(found.step)
    return folder, own, found.state


def _loop(
    config: Config, trainer: Trainer, data: TrainingData, folder: RunFolder, reporter: Reporter
) -> None:
    train = config.train
    first = int(trainer.state()["step"])
    since, begun = first, time.monotonic()
    for step in range(first, train.steps):
        lr = learning_rate(step, steps=train.steps, optim=config.optim)
        values = _step(trainer, data, step, lr)
        done = step + 1
        saves = done % train.save_every == 0 or done == train.steps
        if done % train.log_every == 0 or saves:
            scalars = _read(values, step=done, lr=lr)
            reporter.update("training", done, train.steps, f"loss {scalars['loss']:.3f}")
            if done % train.log_every == 0 or done == train.steps:
                rate = (done - since) * train.batch_size / (time.monotonic() - begun)
                since, begun = done, time.monotonic()
                line = {"step": done, "epoch": data.order.epoch(step), **scalars, "lr": lr}
                folder.append_metrics({**line, "samples_per_s": round(rate, 1)})
        if train.eval_every and done % train.eval_every == 0 and done < train.steps:
            report = data.validation_report(trainer)
            folder.append_metrics({"step": done, "val_hit@10": report.average("local", "hit@10")})
        if saves:
            checkpoint.save(folder.checkpoints, trainer.state(), keep=train.keep)


def _step(trainer: Trainer, data: TrainingData, step: int, lr: float) -> Mapping[str, Any]:
    try:
        return trainer.step(data.batch(step), lr=lr)
    except NoPairError as error:
        raise TrainingError(
            f"training stopped at step {step + 1}: {error}; the last checkpoint is kept; check "
            f"{data.describe(step)}: give more samples both an image and captions, or raise "
            "train.batch_size"
        ) from error
    except InputError as error:
        raise _stopped(step + 1, lr, str(error)) from error


def _read(values: Mapping[str, Any], *, step: int, lr: float) -> dict[str, float]:
    """Device scalars to numbers; the one place where the loop waits for the device."""
    scalars = {name: float(value) for name, value in values.items()}
    if not np.isfinite(scalars["loss"]) or not np.isfinite(scalars["grad_norm"]):
        raise _stopped(step, lr, f"loss is {scalars['loss']}, grad_norm {scalars['grad_norm']}")
    return scalars


def _stopped(step: int, lr: float, what: str) -> TrainingError:
    """For embeddings, losses and gradients that are no longer finite, or rows of norm 0."""
    return TrainingError(
        f"training stopped at step {step} (lr {lr:.3g}): {what}; the last checkpoint is kept, "
        "start again with a lower optim.lr or a lower optim.max_scale"
    )


def _finish(trainer: Trainer, data: TrainingData, folder: RunFolder, reporter: Reporter) -> None:
    after = data.test_report(trainer, reporter)
    folder.write("after.json", json.dumps(after.to_json()))
    first = folder.examples()
    last = examples(data.encode_items(trainer), data.tests)

    def read_image(path: str) -> bytes:
        return thumbnail(data.test_root.read_bytes(path), side=_THUMBNAIL, where=path)

    page = render(
        folder.path.name,
        folder.report("before"),
        after,
        metrics=folder.metrics(),
        examples=list(zip(first, last, strict=True)),
        read_image=read_image,
    )
    folder.write("report.html", page)


@dataclass(frozen=True, slots=True)
class DryRun:
    """What `gcl train --dry-run` found out."""

    parameters: int
    seconds_per_step: float
    seconds_in_all: float
    peak_memory_mb: float


def dry_run(
    config: Config,
    backend: TrainingBackend,
    *,
    device: str | None = None,
    init: Path | None = None,
) -> DryRun:
    """Two steps on real data; writes nothing but may use the cache of tower outputs.

    The estimate covers the steps, not the towers' first pass and the evaluation.
    """
    import resource

    state = None if init is None else weights_of(init)
    trainer = backend.trainer(config, device=choose_device(backend, device), state=state)
    data = TrainingData(config, trainer, Quiet(), only_steps=2)
    times = []
    for step in range(2):
        begun = time.monotonic()
        lr = learning_rate(step, steps=config.train.steps, optim=config.optim)
        _read(_step(trainer, data, step, lr), step=step + 1, lr=lr)
        times.append(time.monotonic() - begun)
    counted = (x.size for name, x in trainer.state().items() if name.startswith("params/"))
    return DryRun(
        parameters=sum(counted),
        seconds_per_step=times[-1],
        seconds_in_all=times[-1] * config.train.steps,
        peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )
