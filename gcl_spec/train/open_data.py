"""The data of a training, opened once for all of its processes."""

from pathlib import Path

from gcl_spec.backend import Trainer, World
from gcl_spec.config.options import Config
from gcl_spec.progress import Reporter
from gcl_spec.train.data import TrainingData
from gcl_spec.train.world import on_first

__all__ = ["open_data"]


def open_data(
    config: Config,
    trainer: Trainer,
    world: World,
    reporter: Reporter,
    *,
    known: Path | None = None,
    only_steps: int | None = None,
) -> TrainingData:
    """The data of a run; the first process fills the cache of tower outputs, the others read it.

    Args:
        config: all options.
        trainer: computes the outputs of frozen towers.
        world: the world of all processes, which all call this.
        reporter: hears of damaged data and of progress.
        known: a file of what `TrainingData.noted` gave to the run that is resumed.
        only_steps: how many steps will be asked for, without an evaluation; all when not given.
    """
    made: list[TrainingData] = []

    def make() -> None:
        made.append(
            TrainingData(
                config,
                trainer,
                reporter,
                rank=world.rank,
                size=world.size,
                known=known,
                only_steps=only_steps,
            )
        )

    on_first(world, make, "prepare the data")
    if not made:
        make()
    world.barrier()
    return made[0]
