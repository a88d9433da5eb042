"""What a long run shows on stderr: bars with the time left, or lines where it is no terminal."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Quiet", "Reporter", "open_progress"]

_LINE_SECONDS = 10.0


class Reporter(Protocol):
    """Takes the state of a phase as often as one likes."""

    def update(self, phase: str, done: int, total: int, note: str = "") -> None:
        """`done` of `total` units of `phase`; the phase ends when they are equal."""
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


class _Bars:
    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def update(self, phase: str, done: int, total: int, note: str = "") -> None:
        if phase not in self._tasks:
            self._tasks[phase] = self._progress.add_task(phase, total=total, note="")
        self._progress.update(self._tasks[phase], completed=done, note=note)

    def say(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False)


class _Lines:
    """A line a phase at its end, and every ten seconds in between."""

    def __init__(self) -> None:
        self._begun: dict[str, float] = {}
        self._last = time.monotonic()

    def update(self, phase: str, done: int, total: int, note: str = "") -> None:
        now = time.monotonic()
        begun = self._begun.setdefault(phase, now)
        if done < total and now - self._last < _LINE_SECONDS:
            return
        self._last = now
        left = (now - begun) / max(done, 1) * (total - done)
        when = f"{left:.0f} s left" if done < total else f"{now - begun:.0f} s"
        self.say(f"{phase}: {done}/{total}, {when}{', ' if note else ''}{note}")

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


@contextmanager
def open_progress() -> Iterator[Reporter]:
    """Bars on a terminal, lines elsewhere; always on stderr, so that stdout stays usable."""
    if not sys.stderr.isatty():
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
