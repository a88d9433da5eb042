"""Calls commands that train, in this process, by the backend in NumPy of `fake`."""

from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

__all__ = ["call_training"]

_FAST = ("model.width=4", "model.image_size=32", "train.batch_size=6")


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
    found = CliRunner().invoke(command, words)
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found
