"""Runs the cells of an ablation, each once; the same call goes on where it was.

OUT/start/seed-N                    a run from which the cells of a seed start
OUT/OBJECTIVE/scale-SCALE/seed-N    the run of a cell, with calibrated.json
OUT/OBJECTIVE/scale-SCALE/seed-N.failed    why it could not be trained
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from gcl_spec._files import os_errors
from gcl_spec._files.atomic import atomic_write
from gcl_spec._files.locks import let_go, lock
from gcl_spec._words import brief, one_line
from gcl_spec.ablate.candidates import Settings
from gcl_spec.ablate.cells import Cell, cell_config, cells
from gcl_spec.ablate.pools import FILE, pools, stored
from gcl_spec.ablate.results import CALIBRATED, calibrated, failure_note
from gcl_spec.backend import TrainingBackend
from gcl_spec.config.options import Config
from gcl_spec.errors import ConfigError, GclError, StoppedError
from gcl_spec.evaluate.ablated import NONE
from gcl_spec.evaluate.calibrations.known import check_name
from gcl_spec.evaluate.calibrations.rows import EncodedOnce
from gcl_spec.progress import Reporter
from gcl_spec.registry import choose_device
from gcl_spec.run.calibrated import calibrate, each_calibration
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.loaded import LoadedRun
from gcl_spec.run.own_biases import refuse_without_biases
from gcl_spec.run.seeds import seed_folder
from gcl_spec.train.open_data import open_data
from gcl_spec.train.seeds import SeedRun, planned
from gcl_spec.train.training import run_training

__all__ = ["START", "Ablation"]

START = "start"
"""The folder of the runs from which cells begin."""


@dataclass(frozen=True)
class Ablation:
    """The trainings of an ablation, in one folder.

    out: the folder.
    base: the options of all cells, but for the objective, the scale and the seed.
    objectives, scales, seeds: those of the cells (`cells`).
    calibrations: what is fitted for each run, of `gcl_spec.evaluate.calibrations.CALIBRATIONS`.
    start: the options of a training for each seed, from whose weights its cells begin; None where
        they begin from fresh weights, or from `init`.
    init: a run, or a checkpoint file, from which all cells begin.
    candidates: the settings of objectives that are no presets, by name.
    further: measure runs in further pools, too (`gcl_spec.ablate.pools`).
    starts: the folder of the runs from which cells begin, within `out`.
    """

    out: Path
    base: Config
    objectives: Sequence[str]
    scales: Sequence[str]
    seeds: int
    calibrations: Sequence[str] = ()
    start: Config | None = None
    init: Path | None = None
    candidates: Mapping[str, Settings] = field(default_factory=dict)
    further: bool = False
    starts: Path = Path(START)

    def cells(self) -> list[Cell]:
        """All cells, those of the first seed first.

        Raises:
            ConfigError: an objective, scale or calibration is none, or is of biases that a cell has
                not; the base names a seed; a run in the folder was started with other options.
            CheckpointError: a run in the folder is damaged.
        """
        return self.checked(cells(self.objectives, self.scales, self.seeds))

    def checked(self, some: Sequence[Cell]) -> list[Cell]:
        """These cells, each of which can be trained, or gone on with.

        Raises:
            ConfigError: a calibration is none, or is of biases that a cell has not; the base names
                a seed; a run in the folder was started with other options.
            CheckpointError: a run in the folder is damaged.
        """
        if self.base.train.seed:
            raise ConfigError("an ablation trains with the seeds 0 to N - 1; leave train.seed out")
        for name in self.calibrations:
            check_name(name)
        for cell in some:
            config = self._planned(cell).config
            for name in self.calibrations:
                refuse_without_biases(name, config, cell.name)
        return [*some]

    def left(self, some: Sequence[Cell] | None = None) -> list[Cell]:
        """The cells that are not done yet, of some or of all."""
        every = self.cells() if some is None else self.checked(some)
        return [cell for cell in every if not self._is_done(self._planned(cell))]

    def run(
        self,
        backend: TrainingBackend,
        reporter: Reporter,
        *,
        device: str | None = None,
        some: Sequence[Cell] | None = None,
    ) -> list[Cell]:
        """Train and evaluate every cell that is not done.

        A cell that fails is noted, and the next one begins; a later call tries it again. Several
        processes may do this in one folder: a cell that another one trains is waited for at the
        end.

        Args:
            backend: who trains.
            reporter: hears of progress.
            device: one of the backend's; its first when not given.
            some: these cells alone; all of `cells` when not given.

        Returns:
            The cells that failed.

        Raises:
            StoppedError: a signal came; the same call goes on.
        """
        device = choose_device(backend, device)
        how = _How(backend, device, tuple(self.calibrations), self.further, reporter)
        every, total = self.left(some), len(self.cells() if some is None else some)
        done, failed = total - len(every), list[Cell]()
        for waits in (False, True):
            busy = []
            for cell in every:
                with _alone(cell.folder(self.out), waits=waits) as held:
                    if not held:
                        busy.append(cell)
                        continue
                    done += 1
                    if self._is_done(self._planned(cell)):
                        continue
                    reporter.say(f"{done} of {total}: {cell.name}")
                    if not self._try(cell, how):
                        failed.append(cell)
            every = busy
        return failed

    def _try(self, cell: Cell, how: "_How") -> bool:
        """Train a cell; where that fails, why is written beside its folder."""
        note = failure_note(cell.folder(self.out))
        try:
            with os_errors.one_line("go on, because of", self.out):
                init = self.init
                if self.start is not None:
                    init = self._started(self.start, cell.seed, how)
                _train(self._planned(cell), init, how)
        except StoppedError:
            raise
        except (GclError, RuntimeError, MemoryError) as error:
            # A framework says by RuntimeError that a device has no more memory.
            reason = brief(one_line(str(error) or repr(error)))
            how.reporter.say(f"failed: {cell.name}: {reason}")
            with atomic_write(note) as file:
                file.write(f"{reason}\n".encode(errors="backslashreplace"))
            return False
        note.unlink(missing_ok=True)
        return True

    def _started(self, start: Config, seed: int, how: "_How") -> Path:
        """The run from which the cells of a seed begin, trained where it is not there."""
        folder = seed_folder(self.out / self.starts, seed)
        config = replace(start, train=replace(start.train, seed=seed))
        with _alone(folder, waits=True):
            run = planned(folder, config)
            if not self._is_done(run):
                how.reporter.say(f"the start of seed {seed}")
                _train(run, None, how)
        return folder

    def _planned(self, cell: Cell) -> SeedRun:
        return planned(cell.folder(self.out), cell_config(self.base, cell, self.candidates))

    def _is_done(self, run: SeedRun) -> bool:
        if run.state != "done" or not {*self.calibrations} <= {*calibrated(run.path)}:
            return False
        return not self.further or {NONE, *self.calibrations} <= {*stored(run.path)}


@dataclass(frozen=True, slots=True)
class _How:
    """What is the same for all trainings of one call."""

    backend: TrainingBackend
    device: str
    calibrations: Sequence[str]
    further: bool
    reporter: Reporter


def _train(run: SeedRun, init: Path | None, how: _How) -> None:
    """Train to the end, from where it is, then fit and evaluate the calibrations."""
    folder = RunFolder(run.path)
    if run.state != "done":
        resume = run.state == "begun"
        folder = run_training(
            run.config,
            how.backend,
            run.path,
            device=how.device,
            resume=resume,
            init=None if resume else init,
            reporter=how.reporter,
        )
    if how.calibrations or how.further:
        _measure(folder, how)


def _measure(folder: RunFolder, how: _How) -> None:
    """Fit the calibrations on the run's training rows, and evaluate it with each."""
    config, checkpoint = folder.config(), folder.found()
    trainer = how.backend.trainer(config, device=how.device, state=checkpoint.state)
    loaded = LoadedRun(config, checkpoint.step, trainer)
    if how.calibrations:
        calibrate(folder, loaded, how.reporter, names=how.calibrations)
    with open_data(config, trainer, trainer.world, how.reporter) as data:
        encode = EncodedOnce(data.encode_items(trainer))
        if how.calibrations:
            reports = each_calibration(folder, loaded, encode, data.tests)
            text = json.dumps({name: report.to_json() for name, report in reports.items()})
            folder.write(CALIBRATED, text)
        if how.further:
            parts = (encode, data.tests, how.calibrations, how.reporter)
            folder.write(FILE, json.dumps(pools(folder, loaded, *parts)))


@contextmanager
def _alone(run: Path, *, waits: bool) -> Iterator[bool]:
    """Keep other processes from a run; False where one is at it."""
    run.parent.mkdir(parents=True, exist_ok=True)
    path = run.with_name(f"{run.name}.lock")
    path.touch()
    number = lock(path, wait=waits)
    try:
        # A file system may know no locks; there is then one process.
        yield waits or number is not None
    finally:
        let_go(number)
