"""The folder of a run, which holds:

config.toml                      the resolved options
metrics.jsonl                    a line every `train.log_every` steps
checkpoints/step-*.safetensors   the newest ones, and those that train.keep_* keep
before.json, after.json          evaluation at the start and at the end
examples.json                    what some queries found at the start
space.json                       how some pairs lay in the space at the start
data.json                        tells a resumed run whether its data has changed
run-id                           the id that the checkpoints name, too
bad_samples.jsonl                samples that could not be used, where there are any
sweep.json                       what `gcl eval --sweep` found last, where it was asked
small.json                       the same of `gcl eval --quantise` and `--dims`
calibrated.json                  the evaluation at the end with calibrations, in an ablation
pools.json                       its figures in further pools, in a comparison of the family
report.html                      the same to look at
checksums.json                   what all of these but the checkpoints must be, and which
                                 checkpoint is the newest, see `manifest`
"""

import json
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gcl_spec._files.atomic import append, atomic_folder, atomic_write, remove_stale, sync_file
from gcl_spec._files.reading import parse_json
from gcl_spec._typing import State
from gcl_spec._words import brief
from gcl_spec.config import toml
from gcl_spec.config.options import Config
from gcl_spec.errors import CheckpointError, ConfigError, DataError
from gcl_spec.evaluate.evaluation import Report
from gcl_spec.evaluate.examples import Example
from gcl_spec.evaluate.projection import Projection
from gcl_spec.evaluate.small.curve import Curve
from gcl_spec.evaluate.sweeps.result import Sweep
from gcl_spec.run import checkpoint, manifest, metrics, run_id
from gcl_spec.run.bad_samples import earlier
from gcl_spec.run.newest import check_newest, newest_step, tell

__all__ = ["RunFolder"]

_T = TypeVar("_T")
_OTHER_BYTES = "backslashreplace"  # names of files may hold other bytes than text
_WRITTEN = "|".join(map(re.escape, manifest.FILES))


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of a run in the folder `path`, and how they are written.

    rank: the rank of the process that holds it; only 0 writes.
    allow_unverified: also read what has no checksum, as in runs of older versions, and files that
        were edited; `checkpoint.load` says it for checkpoints.
    """

    path: Path
    rank: int = 0
    allow_unverified: bool = False

    @classmethod
    def create(
        cls,
        path: Path,
        config: Config,
        state: State,
        before: Report,
        shown: Sequence[Example],
        space: Projection | None = None,
    ) -> "RunFolder":
        """A new run with config, first checkpoint and evaluation; it appears whole or not at all.

        Raises:
            ConfigError: there is something at `path` already.
            FileError: it cannot be written.
        """
        cls.check_free(path)
        begun = json.dumps(before.to_json())
        with atomic_folder(path) as temporary:
            own = run_id.make(config, begun)
            notes = {run_id.NOTE: int(own)}
            first = checkpoint.save(cls(temporary).checkpoints, state, keep=1, notes=notes)
            for name, text in {
                "config.toml": toml.dumps(config),
                "metrics.jsonl": "",
                "before.json": begun,
                run_id.NAME: own,
                "examples.json": json.dumps([example.to_json() for example in shown]),
                "space.json": json.dumps(None if space is None else space.to_json()),
            }.items():
                with atomic_write(temporary / name) as file:
                    file.write(text.encode(errors=_OTHER_BYTES))
            manifest.adopt(temporary, newest=first.name)
        return cls(path)

    @classmethod
    def open(cls, path: Path, *, allow_unverified: bool = False) -> "RunFolder":
        """An existing run; a `CheckpointError` where there is none, or it cannot be told."""
        if manifest.stored(path, "config.toml") is None:
            raise CheckpointError(f"{path}: not a run folder (no config.toml)")
        return cls(path, allow_unverified=allow_unverified)

    @staticmethod
    def check_free(path: Path) -> None:
        """Raise a `ConfigError` where a new run cannot go, before any work is done."""
        if os.path.lexists(path):
            raise ConfigError(f"{path} exists; go on with --resume, or choose another --out")

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints."""
        return self.path / "checkpoints"

    def found(self, step: str = "newest") -> checkpoint.Found:
        """The checkpoint of a step, of the step with the best figure, or the newest one.

        Args:
            step: a number, "best" or "newest".

        Raises:
            ConfigError: `step` is another word. CheckpointError: it is missing or unreadable.
        """
        allowed = self.allow_unverified
        if step == "newest":
            written = 0 if allowed else newest_step(self.path)
            step_checkpoint = checkpoint.newest(self.checkpoints, allow_unverified=allowed)
            if allowed:
                tell(step_checkpoint, self.path)
            else:
                ended = manifest.stored(self.path, "after.json") is not None
                steps = self.config().train.steps if ended else None
                check_newest(step_checkpoint, self.path, written=written, steps=steps)
        elif step == "best" or re.fullmatch("[0-9]{1,9}", step):
            number = self._best_step() if step == "best" else int(step)
            step_checkpoint = checkpoint.of_step(self.checkpoints, number, allow_unverified=allowed)
        else:
            raise ConfigError(f"step = {brief(step)!r}; must be a number, best or newest")
        run_id.check_whose(step_checkpoint, self.path, allow_unverified=allowed)
        return step_checkpoint

    def _best_step(self) -> int:
        number = metrics.best_step(metrics.parse(self._lines("metrics.jsonl")))
        if number is None:
            raise CheckpointError(
                f"{self.path}: no evaluation by which a step is the best; for the next run set "
                "train.eval_every and train.keep_best"
            )
        return number

    def check(self, *, resumes: bool = False) -> list[str]:
        """Hold all files but the checkpoints to their checksums (`manifest.check`).

        Raises:
            CheckpointError: one does not fit; with `allow_unverified` lines are returned instead.
        """
        allowed = self.allow_unverified
        return manifest.check(self.path, resumes=resumes, allow_unverified=allowed)

    def config(self, overrides: Sequence[str] = ()) -> Config:
        """The options with which it was started, or which a resume has changed.

        Args:
            overrides: "section.key=VALUE".

        Raises:
            CheckpointError: the file was edited. ConfigError: `gcl_spec.config.toml` refuses it.
        """
        path = self.path / "config.toml"
        try:
            text = self._content(path.name).decode()
        except UnicodeDecodeError as error:
            raise ConfigError(f"cannot read the config {path}: {error}") from error
        return toml.loads(text, overrides, where=str(path))

    def _content(self, name: str) -> bytes:
        return manifest.content(self.path, name, allow_unverified=self.allow_unverified)

    def _lines(self, name: str) -> bytes:
        return manifest.lines(self.path, name, allow_unverified=self.allow_unverified)

    def write(self, name: str, text: str) -> None:
        """Replace a file of the run."""
        manifest.replace(self.path, name, text.encode(errors=_OTHER_BYTES))

    def report(self, name: str) -> Report:
        """The evaluation "before" or "after".

        Raises:
            CheckpointError: its file is missing, or not as it was written.
            DataError: it holds no evaluation, though it may be used as it stands.
        """
        return self.parsed(f"{name}.json", Report.from_json, "evaluation")

    def examples(self) -> list[Example]:
        """What some queries found at the start; errors as those of `report`."""
        return self.parsed(
            "examples.json", lambda entries: [Example.from_json(one) for one in entries], "examples"
        )

    def projection(self) -> Projection | None:
        """How some pairs lay in the space at the start; errors as those of `report`.

        It is None where that was not noted: in runs of older versions, and without such pairs.
        """
        return self._noted(
            "space.json", lambda x: None if x is None else Projection.from_json(x), "projection"
        )

    def sweep(self) -> Sweep | None:
        """What `gcl eval --sweep` found last, None where it was never asked; errors as `report`."""
        return self._noted("sweep.json", Sweep.from_json, "sweep")

    def curve(self) -> Curve | None:
        """What `gcl eval --quantise` and `--dims` found last; errors as `report`."""
        return self._noted("small.json", Curve.from_json, "curve")

    def _noted(self, name: str, of: Callable[[Any], _T], what: str) -> _T | None:
        return self.parsed(name, of, what) if manifest.stored(self.path, name) is not None else None

    def parsed(self, name: str, of: Callable[[Any], _T], what: str) -> _T:
        """What `of` makes of a JSON file of the run; a `DataError`, or another, as `report`."""
        content = self._content(name)
        try:
            return of(parse_json(content))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{self.path / name}: cannot read the {what}: {error}") from error

    def metrics(self) -> list[dict[str, Any]]:
        """All whole lines of metrics.jsonl, without those that a crash or power cut damaged."""
        return [values for values in self._metrics() if values is not None]

    def damaged_metrics(self) -> list[int]:
        """Numbers, from 1, of damaged lines of metrics.jsonl but the last, which a crash cuts."""
        lines = self._metrics()
        return [n for n, values in enumerate(lines, 1) if values is None and n < len(lines)]

    def _metrics(self) -> list[dict[str, Any] | None]:
        return metrics.parse(manifest.stored(self.path, "metrics.jsonl") or b"")

    def append_metrics(self, values: Mapping[str, Any]) -> None:
        """Add a line to metrics.jsonl; a `FileError` where it cannot be written."""
        append(self.path / "metrics.jsonl", (json.dumps(values) + "\n").encode())

    def save(
        self,
        state: State,
        *,
        keep: int,
        keep_every: int = 0,
        also: Collection[int] = (),
        notes: Mapping[str, int] | None = None,
    ) -> None:
        """Write the next checkpoint, after the lines up to it, and remove old ones.

        Args:
            state, keep, keep_every, also: as those of `checkpoint.save`.
            notes: small numbers beside the state, to which the id of the run is added.

        Raises:
            CheckpointError: as that of `checkpoint.save`.
        """
        self.vouch()
        noted = dict(notes or {}) | run_id.notes(self.path)
        path = checkpoint.save(
            self.checkpoints, state, keep=keep, keep_every=keep_every, also=also, notes=noted
        )
        manifest.note_newest(self.path, path.name)

    def vouch(self) -> None:
        """Make the lines of logs durable, and vouch for them.

        This comes before the checkpoint of their last step: what is after it is written again.
        """
        sync_file(self.path / "metrics.jsonl")
        manifest.extend(self.path)

    def reopen(self, last_checkpoint: checkpoint.Found, config: Config) -> None:
        """Make the folder ready to go on from a checkpoint by `config`, and remove what came after.

        Damaged checkpoints get another name; metrics and bad samples after its step are written
        again. With `allow_unverified` the files count as right from now on, as they are.
        """
        remove_stale(self.path, _WRITTEN)
        if self.allow_unverified:
            manifest.adopt(self.path, newest=last_checkpoint.path.name)
        else:
            manifest.note_newest(self.path, last_checkpoint.path.name)
        checkpoint.set_aside(last_checkpoint)
        known = metrics.parse(self._lines("metrics.jsonl"))
        kept = [x for x in known if x is not None and x["step"] <= last_checkpoint.step]
        self.write("metrics.jsonl", "".join(json.dumps(values) + "\n" for values in kept))
        if (self.path / "bad_samples.jsonl").exists():
            bad = earlier(self._lines("bad_samples.jsonl"), last_checkpoint.step)
            manifest.replace(self.path, "bad_samples.jsonl", bad)
        if config != self.config():
            self.write("config.toml", toml.dumps(config))
