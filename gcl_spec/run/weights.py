"""The weights of a trained run, to go on from or to use."""

from pathlib import Path
from typing import Any

import numpy.typing as npt

from gcl_spec._typing import State
from gcl_spec.models.lora import merged
from gcl_spec.run import checkpoint
from gcl_spec.run.folder import RunFolder

__all__ = ["trained_weights", "weights_of", "weights_to_use"]


def weights_of(init: Path, *, allow_unverified: bool = False) -> State:
    """The newest parameters and buffers of a run, without its optimiser and step.

    Where the run keeps running means of its parameters, which are what it evaluates, these are
    taken.

    Args:
        init: the folder of a run, or a checkpoint file.
        allow_unverified: also read files without a checksum, as in `checkpoint.load`, and those of
            a run whose other files were edited.

    Raises:
        CheckpointError: there is no run, no readable checkpoint, or a file of the run is not as it
            was written.
    """
    if init.is_file():
        state = checkpoint.load(init, allow_unverified=allow_unverified)
    else:
        run = RunFolder.open(init, allow_unverified=allow_unverified)
        state = run.found().state
        run.check()
    return weights_to_use(state)


def trained_weights(state: State) -> dict[str, npt.NDArray[Any]]:
    """The parameters and buffers to use a model with, by name and of the shapes of the model.

    Running means are taken where there are any, and LoRA matrices are added to the weights beside
    which they were trained.
    """
    weights = weights_to_use(state)
    parts = {
        prefix: {n.removeprefix(prefix): x for n, x in weights.items() if n.startswith(prefix)}
        for prefix in ("params/", "buffers/")
    }
    return merged(parts["params/"]) | parts["buffers/"]


def weights_to_use(state: State) -> State:
    """The parameters (their running means where there are any) and buffers, by the same names."""
    weights = {name: x for name, x in state.items() if name.startswith(("params/", "buffers/"))}
    averages = {n.removeprefix("ema/"): x for n, x in state.items() if n.startswith("ema/")}
    return weights | {f"params/{name}": x for name, x in averages.items()}
