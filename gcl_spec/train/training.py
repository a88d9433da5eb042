"""A training from its folder to its report, the same for every backend."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from gcl_spec._files.locks import locked
from gcl_spec._files.os_errors import one_line
from gcl_spec._typing import State
from gcl_spec._words import brief
from gcl_spec.backend import Trainer, TrainingBackend, World
from gcl_spec.config.options import Config
from gcl_spec.config.resumable import changes
from gcl_spec.data.prepare.check_checkpoint import model_warnings
from gcl_spec.data.prepare.pictures import thumbnail
from gcl_spec.errors import GclError
from gcl_spec.evaluate.calibrations.rows import EncodedOnce
from gcl_spec.evaluate.evaluation import Report
from gcl_spec.evaluate.examples import Example, examples
from gcl_spec.evaluate.failures import Failures
from gcl_spec.evaluate.projection import Projection, project
from gcl_spec.progress import Quiet, Reporter, warnings_to
from gcl_spec.registry import choose_device
from gcl_spec.report.html import render
from gcl_spec.run import run_id
from gcl_spec.run.checkpoint import Found, latest
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.newest import missed
from gcl_spec.run.weights import weights_of
from gcl_spec.train.adapter_widths import resolved
from gcl_spec.train.data import TrainingData
from gcl_spec.train.dry_run import DryRun, dry_run
from gcl_spec.train.heartbeat import watched
from gcl_spec.train.loggers import Loggers, check_installed
from gcl_spec.train.loop import Guard, Loop
from gcl_spec.train.open_data import open_data
from gcl_spec.train.signals import Stop, caught, interrupted
from gcl_spec.train.world import on_first

__all__ = ["DryRun", "dry_run", "run_training"]

_T = TypeVar("_T")
_DATA = "data.json"
_THUMBNAIL = 144  # pixels; the page shows half of them, so that dense screens are sharp


def run_training(
    config: Config | None,
    backend: TrainingBackend,
    out: Path,
    *,
    device: str | None = None,
    resume: bool = False,
    init: Path | None = None,
    allow_unverified: bool = False,
    reporter: Reporter | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> RunFolder:
    """Train, and evaluate the start and the end; everything goes to the run folder `out`.

    In the main thread SIGTERM and SIGINT end the run after the step, with a checkpoint; a second
    signal ends the process at once.

    Args:
        config: all options; with `resume` None, or the run's own but for what
            `gcl_spec.config.resumable` allows.
        backend: the backend whose trainer to use.
        out: a new folder, or with `resume` the folder of a run to go on with.
        device: one of the backend's devices; its first when not given.
        resume: go on from the newest readable checkpoint: the same steps as an unbroken run.
        init: another run, whose newest weights are the start, or a checkpoint file of one;
            optimiser and step begin anew.
        allow_unverified: go on with, or start from, a run of an older version, which has no
            checksums, or one whose files were edited; what stands there counts from then on.
        reporter: shows progress.
        clock: gives seconds, for throughput and `train.save_minutes`.

    Raises:
        ConfigError: `out` exists, the config is not the run's, or another process trains there.
        DataError: the data is unusable.
        CheckpointError: there is no readable checkpoint, or a file of the run is not as it was
            written.
        FileError: one cannot be written.
        TrainingError: a loss is not finite, or a batch has no pair; the last checkpoint stays.
        StoppedError: a signal came.
    """
    reporter = reporter or Quiet()
    device = choose_device(backend, device)
    # An error that no part has put in words by itself becomes one line, too.
    said = one_line("go on, because of", out)
    with caught() as stop, said, warnings_to(reporter.say), ExitStack() as stack:
        try:
            if resume:
                old = RunFolder.open(out, allow_unverified=allow_unverified)
                opened = _reopen(old, config, backend, device, reporter, stack)
            else:
                RunFolder.check_free(out)
                state = _start(init, allow_unverified)
                opened = _create(out, config or Config(), backend, device, state, reporter, stack)
            return _train(opened, stop, clock)
        except KeyboardInterrupt:
            raise interrupted(out, stop) from None


@dataclass(frozen=True, slots=True)
class _Opened:
    """A run folder with all that goes on with it."""

    config: Config
    trainer: Trainer
    world: World
    data: TrainingData
    folder: RunFolder
    reporter: Reporter
    step: int
    notes: Mapping[str, int]


def _start(init: Path | None, allow_unverified: bool) -> State | None:
    return None if init is None else weights_of(init, allow_unverified=allow_unverified)


def _create(
    out: Path,
    config: Config,
    backend: TrainingBackend,
    device: str,
    state: State | None,
    reporter: Reporter,
    stack: ExitStack,
) -> _Opened:
    check_installed(config.train.loggers)
    config = resolved(config)
    trainer = backend.trainer(config, device=device, state=state)
    world = trainer.world
    stack.enter_context(watched(world, config.train.timeout))
    reporter = reporter if world.rank == 0 else Quiet()
    for warning in model_warnings(config):
        reporter.say(f"warning: {warning}")
    data = open_data(config, trainer, world, reporter)
    encode = EncodedOnce(data.encode_items(trainer))
    before = data.test_report(encode, reporter)
    shown = examples(encode, data.tests)
    space = project(encode, data.tests, config.model.modalities)
    first = trainer.state()

    def create() -> None:
        RunFolder.create(out, config, first, before, shown, space)
        stack.enter_context(locked(out))

    on_first(world, create, "make the run folder")
    folder = RunFolder(out, world.rank)
    return _Opened(config, trainer, world, data, folder, reporter, int(first["step"]), {})


def _newest_of(old: RunFolder) -> Found:
    """The checkpoint to go on from, of a run whose files for the end can be read, too."""
    checkpoint = latest(old.checkpoints, allow_unverified=old.allow_unverified)
    run_id.check_whose(checkpoint, old.path, allow_unverified=old.allow_unverified)
    # These are needed at the end only, but then a whole training would be lost.
    old.report("before")
    old.examples()
    old.projection()
    return checkpoint


def _reopen(
    old: RunFolder,
    given: Config | None,
    backend: TrainingBackend,
    device: str,
    reporter: Reporter,
    stack: ExitStack,
) -> _Opened:
    out = old.path
    unverified = old.check(resumes=True)
    own = old.config()
    config = own if given is None else resolved(given)
    changed = changes(out, own, config)
    check_installed(config.train.loggers)
    checkpoint = _newest_of(old)
    trainer = backend.trainer(config, device=device, state=checkpoint.state)
    world = trainer.world
    stack.enter_context(watched(world, config.train.timeout))
    reporter = reporter if world.rank == 0 else Quiet()
    gone = missed(checkpoint, out, allow_unverified=old.allow_unverified)
    for warning in (*unverified, *([gone] if gone else []), *model_warnings(config)):
        reporter.say(f"warning: {warning}")
    for warning in checkpoint.warnings:
        reporter.say(f"warning: {warning}; going on from {checkpoint.path.name}")
    folder = replace(old, rank=world.rank)
    world.barrier()  # all have read by now, before the first one changes anything
    on_first(world, lambda: stack.enter_context(locked(out)), "lock the run folder")
    data = open_data(config, trainer, world, reporter, known=out / _DATA)

    def reopen() -> None:
        for number in folder.damaged_metrics():
            reporter.say(f"warning: {out / 'metrics.jsonl'}: line {number} is damaged, left out")
        folder.reopen(checkpoint, config)

    on_first(world, reopen, "reopen the run folder")
    if changed:
        reporter.say(f"{out / 'config.toml'}: {'; '.join(changed)}")
    step, notes = checkpoint.step, checkpoint.notes
    return _Opened(config, trainer, world, data, folder, reporter, step, notes)


def _train(opened: _Opened, stop: Stop, clock: Callable[[], float]) -> RunFolder:
    config, folder, step = opened.config, opened.folder, opened.step

    def note() -> None:
        if not (folder.path / _DATA).exists():
            folder.write(_DATA, opened.data.noted())

    on_first(opened.world, note, "note the data")
    opened.data.list_bad(folder.path / "bad_samples.jsonl")
    names = config.train.loggers if opened.world.rank == 0 else ()
    loggers = Loggers(names, folder.path, config, step, opened.reporter)
    guard = Guard(
        config.optim.skip_nonfinite,
        skipped=opened.notes.get("skipped", 0),
        in_a_row=opened.notes.get("in_a_row", 0),
    )
    loop = Loop(
        config=config,
        trainer=opened.trainer,
        data=opened.data,
        folder=folder,
        world=opened.world,
        stop=stop,
        loggers=loggers,
        reporter=opened.reporter,
        first=step,
        guard=guard,
        clock=clock,
    )
    try:
        with stop.at_step_ends():
            loop.run()
    finally:
        opened.data.close()
        loggers.close()
    _finish(opened)
    return folder


def _finish(opened: _Opened) -> None:
    data = opened.data
    encode, failures = EncodedOnce(data.encode_items(opened.trainer)), Failures()
    after = data.test_report(encode, opened.reporter, failures)
    last = examples(encode, data.tests)
    space = project(encode, data.tests, opened.config.model.modalities)
    write = partial(
        _write_report, data, opened.folder, after, last, space, failures, opened.reporter
    )
    on_first(opened.world, write, "write the report")


def _kept(what: str, read: Callable[[], _T | None], reporter: Reporter) -> _T | None:
    """What `gcl eval` has kept in the run, such as a sweep; a damaged one ends no training."""
    try:
        return read()
    except GclError as error:
        reporter.say(f"warning: the report has no {what}: {error}")
        return None


def _write_report(
    data: TrainingData,
    folder: RunFolder,
    after: Report,
    last: Sequence[Example],
    space: Projection | None,
    failures: Failures,
    reporter: Reporter,
) -> None:
    def read_image(path: str) -> bytes:
        return thumbnail(data.test_root.read_bytes(path), side=_THUMBNAIL, where=brief(path))

    folder.write("after.json", json.dumps(after.to_json()))
    page = render(
        folder.path.name,
        folder.report("before"),
        after,
        metrics=folder.metrics(),
        examples=list(zip(folder.examples(), last, strict=True)),
        projections=(folder.projection(), space),
        failures=failures,
        read_image=read_image,
        sweep=_kept("sweep", folder.sweep, reporter),
        curve=_kept("curve of small vectors", folder.curve, reporter),
    )
    folder.write("report.html", page)
