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
    """What shows a user how far a long run is; it is told the state as often as one likes."""

    def update(self, phase: str, done: int, total: int, note: str = "") -> None:
        """Tell that `done` of `total` units of `phase` are done; it ends when they are equal.

        The first call tells where the phase begins: the time left is reckoned from there.
        """
        ...

    def say(self, text: str) -> None:
        """Show one line."""
        ...


class Quiet:
    """A reporter that shows nothing."""

    def update(self, phase: str, done: int, total: int, note: str = "") -> None:
        """Do nothing (`Reporter.update`)."""

    def say(self, text: str) -> None:
        """Do nothing (`Reporter.say`)."""


_Told = tuple[Callable[[str], object], set[str]]
_told: ContextVar[_Told | None] = ContextVar("_told", default=None)


@contextmanager
def warnings_to(say: Callable[[str], object]) -> Iterator[None]:
    """Give `say` the lines of `warn` within this block, each once."""
    token = _told.set((say, set()))
    try:
        yield
    finally:
        _told.reset(token)


def warn(text: str, *, about: str = "") -> None:
    """Say that something failed that changes no result; without a listener it is a Python warning.

    Args:
        text: one line.
        about: the topic that several lines share, of which only the first is said; the text itself
            when not given.
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
        # What a resumed run had done before must not count as done in no time.
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
    """Prints a line at the end of each phase, and every ten seconds in between."""

    def __init__(self) -> None:
        self._begun: dict[str, tuple[float, int]] = {}  # when, and what was done before
        self._last = time.monotonic()

    def update(self, phase: str, done: int, total: int, note: str = "") -> None:
        now = time.monotonic()
        begun, before = self._begun.setdefault(phase, (now, done))
        if done == total:
            del self._begun[phase]  # the next phase of the same name has a time of its own
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
        with suppress(OSError):  # a full disk or a terminal that has gone is no reason to stop
            print(escaped(text), file=sys.stderr, flush=True)


@contextmanager
def open_progress() -> Iterator[Reporter]:
    """A reporter with bars on a terminal and lines elsewhere.

    It always writes to stderr, so that stdout stays usable.
    """
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
