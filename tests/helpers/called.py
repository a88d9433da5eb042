"""Calls commands in this process, some by the backend in NumPy of `fake`."""

from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

__all__ = ["call", "call_on_run", "call_training"]

_FAST = ("model.width=4", "model.image_size=32", "train.batch_size=6")


def call(command: Any, *words: object) -> Result:
    """What a command of click printed, 80 letters wide.

    Raises:
        Exception: whatever the command raises, but for its exit.
    """
    found = CliRunner().invoke(command, [*map(str, words)], env={"COLUMNS": "80"})
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found


def call_on_run(command: Any, run: Path, *words: object) -> Result:
    """What a command printed on a run of the backend in NumPy; errors as `call`."""
    return call(command, run, "--backend", "fake:FakeBackend", *words)


def call_training(command: Any, data: Path, *args: str, sets: tuple[str, ...] = ()) -> Result:
    """What a command printed that trains a small model on `data`, into the folder "out" beside it.

    Args:
        command: one of click, such as that of `gcl train`.
        data: the folder of the samples.
        args: its further arguments.
        sets: options such as "train.steps=2".

    Raises:
        Exception: whatever the command raises, but for its exit.
    """
    values = [*_FAST, *sets, f"data.path={data}", f"data.cache={data.parent / 'cache'}"]
    options = [part for value in values for part in ("--set", value)]
    words = ["--backend", "fake:FakeBackend", *options, "--out", str(data.parent / "out"), *args]
    return call(command, *words)
