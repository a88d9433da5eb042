"""Says which options of a run may differ when it goes on: those that change no number of a step."""

from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from gcl_spec.config.options import Config
from gcl_spec.errors import ConfigError

__all__ = ["FREE", "Difference", "changes", "differences"]

FREE = {
    # These say where things are and who prepares them.
    "data.path", "data.images", "data.columns", "data.cache", "data.max_bad", "data.workers",
    "data.prefetch", "data.workers_kind", "data.frame_cache", "model.path",
    # These change memory and time only.
    "train.microbatch", "train.checkpointing", "train.compile", "train.shard", "train.devices",
    "eval.batch_size", "train.timeout",
    # These say what is written, and when.
    "train.log_every", "train.eval_every", "train.save_every", "train.save_minutes", "train.keep",
    "train.keep_every", "train.keep_best", "train.loggers", "optim.skip_nonfinite",
}  # fmt: skip


class Difference(NamedTuple):
    """An option on which two configs differ."""

    name: str
    """The option as "section.key"."""
    first: object
    second: object

    def __str__(self) -> str:
        return f"{self.name}: {self.first!r}, {self.second!r}"


def differences(first: Config, second: Config) -> list[Difference]:
    """The options on which two configs differ, in the order of the sections."""
    a, b = asdict(first), asdict(second)
    return [
        Difference(f"{section}.{key}", value, b[section][key])
        for section, table in a.items()
        for key, value in table.items()
        if value != b[section][key]
    ]


def changes(run: Path, own: Config, given: Config) -> list[str]:
    """ "section.key = new, was old" of every option that differs from the run's own.

    Raises:
        ConfigError: one of them changes the numbers of a step.
    """
    changed = differences(own, given)
    refused = [str(option) for option in changed if option.name not in FREE]
    if refused:
        steps = any(option.name == "train.steps" for option in changed)
        why = "; train.steps stretches the schedule of the learning rate" if steps else ""
        raise ConfigError(
            f"{run} was started with other options ({'; '.join(refused)}, the run's first), on "
            f"which the numbers of its steps depend{why}: leave them out, or start another run "
            f"from its weights with --init {run}"
        )
    return [f"{name} = {new!r}, was {old!r}" for name, old, new in changed]
