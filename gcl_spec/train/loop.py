"""The steps of a training: when to log, to evaluate, to save and to stop.

All processes of a world run it alike; the first one writes. What is logged and computed depends on
the step number alone, never on the clock or on where a run was broken.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from gcl_spec._typing import State
from gcl_spec.backend import Trainer, World
from gcl_spec.config.options import Config
from gcl_spec.errors import InputError, NoPairError, StoppedError, TrainingError
from gcl_spec.progress import Reporter
from gcl_spec.report.space_sections import RANK
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.metrics import FIGURE
from gcl_spec.train.data import TrainingData
from gcl_spec.train.loggers import Loggers
from gcl_spec.train.optimizer_rules import learning_rate
from gcl_spec.train.signals import Stop
from gcl_spec.train.world import on_first

__all__ = ["Guard", "Loop", "train_step"]

Values = Mapping[str, Any]


def train_step(trainer: Trainer, data: TrainingData, step: int, lr: float) -> Values:
    """Make step `step`, from 0, and return its device scalars by name.

    Raises:
        TrainingError: the batch has no pair, or embeddings are not finite.
    """
    try:
        return trainer.step(data.batch(step), lr=lr)
    except NoPairError as error:
        raise TrainingError(
            f"training stopped at step {step + 1}: {error}; the last checkpoint is kept; check "
            f"{data.describe(step)}: give more samples both an image and captions, or raise "
            "train.batch_size"
        ) from error
    except InputError as error:
        raise _stopped(step + 1, lr, error.what) from error


class Guard:
    """Reads device scalars, and counts the steps that a trainer skipped.

    Scalars are kept as they come and read when a number is needed, which is the one place where the
    loop waits for the device.

    Args:
        limit: the option `optim.skip_nonfinite`.
        skipped: the number of steps left out up to now.
        in_a_row: how many of them were the last ones.
    """

    def __init__(self, limit: int, *, skipped: int = 0, in_a_row: int = 0) -> None:
        self._limit = limit
        self.skipped = skipped
        self.in_a_row = in_a_row
        self._unread: list[tuple[int, float, Values]] = []

    def add(self, step: int, lr: float, values: Values) -> None:
        """Take the scalars of step `step`, counted from 1."""
        self._unread.append((step, lr, values))

    def read(self) -> dict[str, float]:
        """The numbers of the last step, of which `skipped` is the count from the start.

        Raises:
            TrainingError: a step was not finite, and the trainer or the limit does not allow it.
        """
        scalars: dict[str, float] = {}
        for step, lr, values in self._unread:
            scalars = {name: float(value) for name, value in values.items()}
            self._check(step, lr, scalars)
        self._unread.clear()
        if "skipped" in scalars:
            scalars["skipped"] = self.skipped
        return scalars

    def _check(self, step: int, lr: float, scalars: Mapping[str, float]) -> None:
        skipped = bool(scalars.get("skipped"))
        if not skipped and isfinite(scalars["loss"]) and isfinite(scalars["grad_norm"]):
            self.in_a_row = 0
            return
        what = f"loss is {scalars['loss']}, grad_norm {scalars['grad_norm']}"
        self.skipped += skipped
        self.in_a_row += skipped
        if not self._limit or not skipped:
            raise _stopped(step, lr, what)
        if self.in_a_row >= self._limit:
            raise _stopped(step, lr, f"{what}, skipped steps in a row: {self.in_a_row}")


def _stopped(step: int, lr: float, what: str) -> TrainingError:
    """The error for embeddings, losses or gradients that are not finite, or for rows of norm 0."""
    return TrainingError(
        f"training stopped at step {step} (lr {lr:.3g}): {what}; the last checkpoint is kept, "
        "start again with a lower optim.lr or a lower optim.max_scale"
    )


@dataclass(kw_only=True)
class Loop:
    """The steps from `first` to the last one.

    first: the step number of the trainer's state.
    guard: has the counts of skipped steps of that checkpoint.
    clock: gives seconds; only throughput and `train.save_minutes` depend on it.
    """

    config: Config
    trainer: Trainer
    data: TrainingData
    folder: RunFolder
    world: World
    stop: Stop
    loggers: Loggers
    reporter: Reporter
    first: int
    guard: Guard
    clock: Callable[[], float] = time.monotonic
    _best: tuple[float, int] = field(init=False, default=(float("-inf"), -1))

    def run(self) -> None:
        """Train to the end.

        Raises:
            StoppedError: a signal came; the state is saved.
            TrainingError: a loss is not finite (`Guard`).
            FileError: nothing can be written; earlier checkpoints stay.
        """
        self._saved = self._begun = self.clock()
        self._since = self.first
        lines = self.folder.metrics()
        for line in lines:
            self._rate(line)
        # A run may have been stopped, or killed, after the checkpoint and before its evaluation.
        if self._evaluates(self.first) and not any(
            FIGURE in line and line["step"] == self.first for line in lines
        ):
            self._evaluate(self.first)
        self.reporter.update("training", self.first, self.config.train.steps)
        for step in range(self.first, self.config.train.steps):
            lr = learning_rate(step, steps=self.config.train.steps, optim=self.config.optim)
            self.guard.add(step + 1, lr, train_step(self.trainer, self.data, step, lr))
            self._end_step(step + 1, lr)

    def _end_step(self, done: int, lr: float) -> None:
        train = self.config.train
        stops, due = self._agree()
        last = done == train.steps
        evaluates = self._evaluates(done)
        saves = done % train.save_every == 0 or last or stops or due
        saves = saves or (evaluates and train.keep_best)
        logs = done % train.log_every == 0 or last
        if logs or saves:
            scalars = self.guard.read()
            self.reporter.update("training", done, train.steps, f"loss {scalars['loss']:.3f}")
            if logs:
                self._log(done, lr, scalars)
        if saves:
            self._save()
        if stops:
            raise self._stopped_by_signal(done)
        if evaluates:
            self._evaluate(done)

    def _agree(self) -> tuple[bool, bool]:
        """Whether to stop, and whether the clock asks to save, the same for all processes."""
        minutes = self.config.train.save_minutes
        due = minutes > 0 and self.clock() - self._saved >= 60 * minutes
        asked = bool(self.stop.asked)
        if not self.world.any(asked or due):
            return False, False
        return self.world.any(asked), True

    def _log(self, done: int, lr: float, scalars: Mapping[str, float]) -> None:
        now = self.clock()
        batch_size = self.config.train.batch_size
        rate = (done - self._since) * batch_size / max(now - self._begun, 1e-9)
        self._since, self._begun = done, now
        # JSON has no NaN, so the loss of a skipped step is left out.
        known = {name: value for name, value in scalars.items() if isfinite(value)}
        epoch = self.data.order.epoch(done - 1)
        line = {"epoch": epoch, **known, "lr": lr, "samples_per_s": round(rate, 1)}
        self._append(done, line)

    def _append(self, done: int, line: Mapping[str, float]) -> None:
        on_first(
            self.world,
            lambda: self.folder.append_metrics({"step": done, **line}),
            "write metrics.jsonl",
        )
        if self.world.rank == 0:
            self.loggers.log(line, step=done)

    def _save(self) -> None:
        begun = self.clock()
        state = self.trainer.state()  # all processes put a sharded state together
        on_first(self.world, lambda: self._write(state), "save the checkpoint")
        self._saved = self.clock()
        self._begun += self._saved - begun

    def _write(self, state: State) -> None:
        train = self.config.train
        self.folder.save(
            state,
            keep=train.keep,
            keep_every=train.keep_every,
            also=self._kept(),
            notes={"skipped": self.guard.skipped, "in_a_row": self.guard.in_a_row},
        )

    def _evaluates(self, done: int) -> bool:
        every = self.config.train.eval_every
        return bool(every) and 0 < done < self.config.train.steps and done % every == 0

    def _evaluate(self, done: int) -> None:
        begun = self.clock()
        report = self.data.validation_report(self.trainer)
        figure, rank = report.average("local", "hit@10"), report.geometry["effective rank"]
        line = {FIGURE: figure, RANK: rank}
        self._append(done, line)
        on_first(self.world, self.folder.vouch, "write the checksums")
        self._rate({"step": done, **line})
        self._begun += self.clock() - begun

    def _rate(self, line: Mapping[str, Any]) -> None:
        """Note the best figure, the first of equal ones, whose checkpoint is kept from now on."""
        if FIGURE in line and line[FIGURE] > self._best[0]:
            self._best = (line[FIGURE], line["step"])

    def _kept(self) -> tuple[int, ...]:
        return (self._best[1],) if self.config.train.keep_best else ()

    def _stopped_by_signal(self, done: int) -> StoppedError:
        name = self.stop.asked or "a signal to another process"
        steps = self.config.train.steps
        said = f"stopped by {name} after step {done} of {steps}, which is saved in "
        return StoppedError(
            f"{said}{self.folder.path}" if self.world.rank == 0 else "", resumable=True
        )
