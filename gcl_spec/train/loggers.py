"""Metrics to TensorBoard and Weights & Biases, beside metrics.jsonl.

A logger that fails is said once and left out; training goes on.
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

# The TensorBoard writer without TensorBoard: three small packages instead of its thirty.
_PACKAGES = {"tensorboard": "tensorboardX", "wandb": "wandb"}


class Logger(Protocol):
    """Takes the numbers of a step."""

    def log(self, values: Mapping[str, float], /, *, step: int) -> None:
        """Finite numbers by name."""
        ...

    def close(self) -> None:
        """Nothing comes any more."""
        ...


class TensorBoard:
    """Event files in `folder`/tensorboard; those after `step`, from a broken run, are hidden."""

    def __init__(self, folder: Path, config: Config, step: int) -> None:
        writer = import_module("tensorboardX").SummaryWriter
        self._writer: Any = writer(str(folder / "tensorboard"), purge_step=step + 1)

    def log(self, values: Mapping[str, float], /, *, step: int) -> None:
        """See `Logger`."""
        for name, value in values.items():
            self._writer.add_scalar(name.replace("->", "-to-"), value, step)  # its tags allow no >

    def close(self) -> None:
        """See `Logger`."""
        self._writer.close()


class Wandb:
    """One run of project gcl-spec, which a resumed training goes on with; $WANDB_* are heeded."""

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
        """See `Logger`."""
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        """See `Logger`."""
        self._run.finish()


_KINDS: Mapping[str, Callable[[Path, Config, int], Logger]] = {
    "tensorboard": TensorBoard,
    "wandb": Wandb,
}


class Loggers:
    """All loggers of a run.

    Args:
        names: keys of `train.loggers`.
        folder: of the run.
        config: of the run.
        step: from which it goes on.
        reporter: is told of a logger that fails.
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
        """Flush and close them."""
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
    """`ConfigError` for a logger whose package cannot be imported, before any work is done."""
    for name in names:
        try:
            import_module(_PACKAGES[name])
        except ImportError as error:
            raise ConfigError(
                f"train.loggers has {name!r}, which needs {_PACKAGES[name]} ({error}): "
                f"pip install 'gcl-spec[{name}]', or take it out"
            ) from error
