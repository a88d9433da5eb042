"""Several trainings that differ in their seed alone, each of which may be new, begun, or done."""

from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

from gcl_spec.config.options import Config
from gcl_spec.config.resumable import changes
from gcl_spec.errors import ConfigError
from gcl_spec.run import manifest
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.seeds import seed_folder
from gcl_spec.train.adapter_widths import resolved

__all__ = ["SeedRun", "plan_seeds", "planned"]


class SeedRun(NamedTuple):
    """One of the trainings.

    state: whether its folder is not there yet, has a training that has not ended, or one that has.
    """

    path: Path
    config: Config
    state: Literal["new", "begun", "done"]


def plan_seeds(
    count: int, config: Config, out: Path, *, allow_unverified: bool = False
) -> list[SeedRun]:
    """The trainings of the seeds 0 to `count` - 1, in the folders seed-0, ... of `out`.

    Args:
        count: how many.
        config: the options of all of them, but for train.seed.
        out: the folder; there may be some of these runs in it already.
        allow_unverified: take runs without checksums, and edited ones.

    Raises:
        ConfigError: the options name a seed, `out` is something else, or a run in it was started
            with other options.
    """
    if config.train.seed:
        raise ConfigError("--seeds N trains with the seeds 0 to N - 1; leave train.seed out")
    if manifest.stored(out, "config.toml") is not None:
        raise ConfigError(f"{out} is a run itself; choose another --out for runs of several seeds")
    runs = []
    for seed in range(count):
        own = replace(config, train=replace(config.train, seed=seed))
        runs.append(planned(seed_folder(out, seed), own, allow_unverified=allow_unverified))
    return runs


def planned(path: Path, config: Config, *, allow_unverified: bool = False) -> SeedRun:
    """A training with these options in this folder, which may have been begun, or be done.

    Args:
        path: the folder.
        config: the options.
        allow_unverified: take a run without checksums, or an edited one.

    Raises:
        ConfigError: the run there was started with other options.
        CheckpointError: it is damaged.
    """
    if not path.exists():
        return SeedRun(path, config, "new")
    run = RunFolder.open(path, allow_unverified=allow_unverified)
    changes(path, run.config(), resolved(config))
    ended = manifest.stored(path, "after.json") is not None
    return SeedRun(path, config, "done" if ended else "begun")
