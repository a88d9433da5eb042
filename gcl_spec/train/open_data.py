"""What the steps of a training start from: its data, and the weights of another run."""

from pathlib import Path

from gcl_spec._typing import State
from gcl_spec.backend import Trainer
from gcl_spec.config.options import Config
from gcl_spec.progress import Reporter
from gcl_spec.run import checkpoint
from gcl_spec.run.folder import RunFolder
from gcl_spec.train.data import TrainingData
from gcl_spec.train.world import World, on_first

__all__ = ["open_data", "weights_of"]


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
        world: of all processes, which all call this.
        reporter: hears of damaged data and of progress.
        known, only_steps: see `TrainingData`.
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


def weights_of(init: Path, *, allow_unverified: bool = False) -> State:
    """The newest parameters of another run, without its optimiser and step.

    Running means of them where it has these, which are what it evaluates. `init` may also be a
    checkpoint file. `allow_unverified` as in `checkpoint.load`.

    Raises:
        CheckpointError: no run there, or no readable checkpoint.
    """
    if init.is_file():
        state = checkpoint.load(init, allow_unverified=allow_unverified)
    else:
        state = RunFolder.open(init, allow_unverified=allow_unverified).found().state
    found = {name: x for name, x in state.items() if name.startswith(("params/", "buffers/"))}
    means = {f"params/{n[4:]}": x for n, x in state.items() if n.startswith("ema/")}
    return found | means
