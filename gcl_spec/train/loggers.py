"""Writes metrics to TensorBoard and Weights & Biases, beside metrics.jsonl.

A logger that fails is left out after one warning; training goes on.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from gcl_spec.config.options import Config
from gcl_spec.errors import ConfigError
from gcl_spec.progress import Reporter
from gcl_spec.run.folder import RunFolder

__all__ = ["Logger", "Loggers", "check_installed"]

# tensorboardX writes for TensorBoard without it: three small packages instead of thirty.
_PACKAGES = {"tensorboard": "tensorboardX", "wandb": "wandb"}


class Logger(Protocol):
    """A logger, which takes the numbers of each step."""

    def log(self, values: Mapping[str, float], /, *, step: int) -> None:
        """Write finite numbers by name."""
        ...

    def close(self) -> None:
        """Flush and close; nothing comes any more."""
        ...


class TensorBoard:
    """Writes event files in `folder`/tensorboard, and hides those after `step`, of a broken run."""

    def __init__(self, folder: Path, config: Config, step: int) -> None:
        writer = import_module("tensorboardX").SummaryWriter
        self._writer: Any = writer(str(folder / "tensorboard"), purge_step=step + 1)

    def log(self, values: Mapping[str, float], /, *, step: int) -> None:
        """Write the numbers of a step (`Logger.log`)."""
        for name, value in values.items():
            self._writer.add_scalar(name.replace("->", "-to-"), value, step)  # its tags allow no >

    def close(self) -> None:
        """Flush and close the run (`Logger.close`)."""
        self._writer.close()


class Wandb:
    """Writes one run of project gcl-spec, with which a resumed training goes on; $WANDB_* count."""

    def __init__(self, folder: Path, config: Config, step: int) -> None:
        known = folder / "wandb-id"
        if not known.exists():
            RunFolder(folder).write(known.name, uuid.uuid4().hex[:12])
        self._run: Any = import_module("wandb").init(
            project="gcl-spec",
            name=folder.name,
            id=known.read_text(),
            resume="allow",
            dir=str(folder),
            config=asdict(config),
        )

    def log(self, values: Mapping[str, float], /, *, step: int) -> None:
        """Write the numbers of a step (`Logger.log`)."""
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        """Flush and close the run (`Logger.close`)."""
        self._run.finish()


_KINDS: Mapping[str, Callable[[Path, Config, int], Logger]] = {
    "tensorboard": TensorBoard,
    "wandb": Wandb,
}


class Loggers:
    """All loggers of a run.

    Args:
        names: the loggers that `train.loggers` names.
        folder: the folder of the run.
        config: its options.
        step: the step from which it goes on.
        reporter: hears of a logger that fails.
    """

    def __init__(
        self, names: Sequence[str], folder: Path, config: Config, step: int, reporter: Reporter
    ) -> None:
        self._reporter = reporter
        self._open: dict[str, Logger] = {}
        for name in names:
            self._try(name, partial(self._make, name, folder, config, step))

    def log(self, values: Mapping[str, float], /, *, step: int) -> None:
        """Give the numbers to all loggers that have not failed yet."""
        for name, logger in list(self._open.items()):
            self._try(name, partial(logger.log, values, step=step))

    def close(self) -> None:
        """Flush and close all loggers."""
        for name, logger in list(self._open.items()):
            self._try(name, logger.close)
        self._open.clear()

    def _make(self, name: str, folder: Path, config: Config, step: int) -> None:
        self._open[name] = _KINDS[name](folder, config, step)

    def _try(self, name: str, action: Callable[[], object]) -> None:
        try:
            action()
        except Exception as error:  # no logger may end a training, whatever its network says
            self._open.pop(name, None)
            text = " ".join(str(error).split())
            self._reporter.say(
                f"warning: {name} fails ({type(error).__name__}: {text}); training goes on "
                "without it, metrics.jsonl has all numbers"
            )


def check_installed(names: Sequence[str]) -> None:
    """Raise a `ConfigError`, before any work, for a logger whose package cannot be imported."""
    for name in names:
        try:
            import_module(_PACKAGES[name])
        except ImportError as error:
            raise ConfigError(
                f"train.loggers has {name!r}, which needs {_PACKAGES[name]} ({error}): "
                f"pip install 'gcl-spec[{name}]', or take it out"
            ) from error
