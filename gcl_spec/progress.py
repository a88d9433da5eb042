"""What a long run shows on stderr: bars with the time left, or lines where it is no terminal."""

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

from gcl_spec._words import escaped

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Quiet", "Reporter", "open_progress", "warn", "warnings_to"]

_LINE_SECONDS = 10.0


class Reporter(Protocol):
    """Takes the state of a phase as often as one likes."""

    def update(self, phase: str, done: int, total: int, note: str = "") -> None:
        """`done` of `total` units of `phase`; the phase ends when they are equal.

        The first call tells where it begins: time left is that of what comes after.
        """
        ...

    def say(self, text: str) -> None:
        """One line."""
        ...


class Quiet:
    """Says nothing."""

    def update(self, phase: str, done: int, total: int, note: str = "") -> None:
        """See `Reporter`."""

    def say(self, text: str) -> None:
        """See `Reporter`."""


_Told = tuple[Callable[[str], object], set[str]]
_told: ContextVar[_Told | None] = ContextVar("_told", default=None)


@contextmanager
def warnings_to(say: Callable[[str], object]) -> Iterator[None]:
    """In this block `say` is given the lines of `warn`, each once."""
    token = _told.set((say, set()))
    try:
        yield
    finally:
        _told.reset(token)


def warn(text: str, *, about: str = "") -> None:
    """Say that something of no consequence for the results failed; where nobody listens, to Python.

    Args:
        text: one line.
        about: what several lines have in common of which one is enough; the text, when not given.
    """
    told = _told.get()
    if told is None:
        warnings.warn(text, RuntimeWarning, stacklevel=2)
        return
    say, known = told
    if (about or text) not in known:
        known.add(about or text)
        say(f"warning: {text}")


class _Bars:
    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._ended: set[str] = set()

    def update(self, phase: str, done: int, total: int, note: str = "") -> None:
        # What was done before, by a run that goes on, must not count as done in no time.
        if phase not in self._tasks:
            self._tasks[phase] = self._progress.add_task(
                phase, total=total, completed=done, note=""
            )
        elif phase in self._ended:
            self._progress.reset(self._tasks[phase], total=total, completed=done)
        self._ended = self._ended - {phase} | ({phase} if done == total else set())
        self._progress.update(self._tasks[phase], completed=done, note=escaped(note))

    def say(self, text: str) -> None:
        self._progress.console.print(escaped(text), markup=False, highlight=False)


class _Lines:
    """A line a phase at its end, and every ten seconds in between."""

    def __init__(self) -> None:
        self._begun: dict[str, tuple[float, int]] = {}  # when, and what was done before
        self._last = time.monotonic()

    def update(self, phase: str, done: int, total: int, note: str = "") -> None:
        now = time.monotonic()
        begun, before = self._begun.setdefault(phase, (now, done))
        if done == total:
            del self._begun[phase]  # a next one of the same name has a time of its own
        elif now - self._last < _LINE_SECONDS:
            return
        self._last = now
        said = [f"{phase}: {done}/{total}"]
        if done == total:
            said.append(f"{now - begun:.0f} s")
        elif done > before:
            said.append(f"{(now - begun) / (done - before) * (total - done):.0f} s left")
        self.say(", ".join([*said, *([note] if note else [])]))

    def say(self, text: str) -> None:
        with suppress(OSError):  # a full disk, or a terminal that has gone: no reason to stop
            print(escaped(text), file=sys.stderr, flush=True)


@contextmanager
def open_progress() -> Iterator[Reporter]:
    """Bars on a terminal, lines elsewhere; always on stderr, so that stdout stays usable."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield _Lines()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
    ) as progress:
        yield _Bars(progress)
