"""Which options of a run may be others when it goes on: those that change no number of a step."""

from pathlib import Path

from gcl_spec.config.options import Config
from gcl_spec.config.toml import differences
from gcl_spec.errors import ConfigError

__all__ = ["FREE", "changes"]

FREE = {
    # These say where things are and who prepares them.
    "data.path", "data.images", "data.columns", "data.cache", "data.max_bad", "data.workers",
    "data.prefetch", "data.workers_kind", "model.path",
    # These change memory and time only.
    "train.microbatch", "train.checkpointing", "train.compile", "train.shard", "train.devices",
    "eval.batch_size", "train.timeout",
    # These say what is written, and when.
    "train.log_every", "train.eval_every", "train.save_every", "train.save_minutes", "train.keep",
    "train.keep_every", "train.keep_best", "train.loggers", "optim.skip_nonfinite",
}  # fmt: skip


def changes(run: Path, own: Config, given: Config) -> list[str]:
    """ "section.key = new, was old" of every option that differs from the run's own.

    Raises:
        ConfigError: one of them changes the numbers of a step.
    """
    found = [tuple(text.split(": ", 1)) for text in differences(own, given)]
    refused = [f"{name}: {values}" for name, values in found if name not in FREE]
    if refused:
        steps = any(name == "train.steps" for name, _ in found)
        why = "; train.steps stretches the schedule of the learning rate" if steps else ""
        raise ConfigError(
            f"{run} was started with other options ({'; '.join(refused)}, the run's first), on "
            f"which the numbers of its steps depend{why}: leave them out, or start another run "
            f"from its weights with --init {run}"
        )
    return [_said(name, own, given) for name, _ in found]


def _said(name: str, own: Config, given: Config) -> str:
    section, key = name.split(".")
    old, new = (getattr(getattr(config, section), key) for config in (own, given))
    return f"{name} = {new!r}, was {old!r}"
