"""Kills training processes with SIGKILL at drawn moments, and resumes them until the end."""

import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gcl_spec.errors import TrainingError

__all__ = ["Command", "Kill", "Times", "break_run", "unbroken_run"]

_POLL = 0.002  # seconds between two looks at a run folder

Command = Callable[[bool], Sequence[str]]
"""Gives the command line of a training process, from its run folder, and True for a resume."""


@dataclass(frozen=True, slots=True)
class Times:
    """The times of an unbroken run, in seconds.

    made: until its folder was there. step: of one step. finish: after the last step. lines: the
    number of lines of its metrics.jsonl.
    """

    made: float
    step: float
    finish: float
    lines: int

    @property
    def whole(self) -> float:
        """The seconds of the whole run."""
        return self.made + self.step * self.lines + self.finish


@dataclass(frozen=True, slots=True)
class Kill:
    """One SIGKILL: seconds after the start of its process, and lines of metrics by then."""

    seconds: float
    lines: int
    has_folder: bool


def unbroken_run(command: Command, out: Path, deadline: float) -> Times:
    """Train `out` in one go.

    Raises:
        TrainingError: the process failed (the message has its last line), or was not done by
            `deadline`.
    """
    begun = time.monotonic()
    made: float | None = None
    seen: list[float] = []  # the moment when each number of lines was first there
    with _started(command(False), deadline) as child:
        while child.runs():
            now = time.monotonic() - begun
            made = now if made is None and out.exists() else made
            seen += [now] * (_lines(out) - len(seen))
            _wait(deadline)
    whole = time.monotonic() - begun
    lines = _lines(out)
    first, last = (seen[0], seen[-1]) if seen else (whole, whole)
    return Times(made or whole, (last - first) / max(lines - 1, 1), whole - last, lines)


def break_run(
    command: Command,
    out: Path,
    times: Times,
    *,
    kills: int,
    seed: int,
    deadline: float,
    say: Callable[[Kill], None],
) -> None:
    """Train `out` with `kills` kills, then to the end.

    About one kill in six comes before the folder is there, one in six after the last step, and the
    others at drawn steps, in order; each comes at a drawn moment within.

    Args:
        command: gives the command line of a process.
        out: the folder of a new run.
        times: the times of the unbroken run.
        kills: the number of kills.
        seed: of the moments.
        deadline: the end by `time.monotonic`.
        say: is told of each kill.

    Raises:
        TrainingError: a process failed by itself, or the run was not done by `deadline`.
    """
    rng = random.Random(seed)
    places = [
        rng.choice([-1, times.lines, *[rng.randrange(times.lines)] * 4]) for _ in range(kills)
    ]
    for place in sorted(places):
        killed = None
        while killed is None:  # a process may end before its moment; the next one is resumed
            killed = _killed(command, out, place, times, rng, deadline)
        say(killed)
    with _started(command(_exists(out)), deadline) as child:
        while child.runs():
            _wait(deadline)


def _killed(
    command: Command, out: Path, place: int, times: Times, rng: random.Random, deadline: float
) -> Kill | None:
    """Kill a process after `place` lines of metrics; None if it ended before."""
    before, begun = _version(out), time.monotonic()
    # Where the awaited step never comes, because the process hangs, the later moment counts.
    moment = begun + (rng.uniform(0, times.made) if place < 0 else 3 * times.whole)
    wanted: int | None = None
    waits = place >= 0
    with _started(command(_exists(out)), deadline) as child:
        while child.runs():
            now, lines = time.monotonic(), _lines(out)
            if waits and wanted is None and _version(out) != before:
                wanted = max(place, min(lines + 1, times.lines))  # a step of this process
            if waits and wanted is not None and lines >= wanted:
                span = times.finish if wanted == times.lines else times.step
                moment, waits = min(moment, now + rng.uniform(0, span)), False
            if now >= moment:
                child.kill()
                return Kill(now - begun, _lines(out), _exists(out))
            _wait(deadline)
    return None


class _Process:
    """A training process, whose output goes to a file, because a full pipe would stop it."""

    def __init__(self, command: Sequence[str], said: BinaryIO) -> None:
        self._said = said
        self._child = subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said
        )

    def kill(self) -> None:
        self._child.kill()
        self._child.wait()

    def runs(self) -> bool:
        """Is it still running? A `TrainingError` when it has failed."""
        code = self._child.poll()
        if code is None or code == 0:
            return code is None
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        last = lines[-1].removeprefix("error: ") if lines else "it said nothing"
        raise TrainingError(f"a training process ended with code {code}: {last}")


@contextmanager
def _started(command: Sequence[str], deadline: float) -> Iterator[_Process]:
    """A process, which is gone after the block."""
    _wait(deadline)
    with tempfile.TemporaryFile() as said:
        child = _Process(command, said)
        try:
            yield child
        finally:
            child.kill()


def _wait(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise TrainingError("the time for the check is over; give it more, or fewer steps or kills")
    time.sleep(_POLL)


def _exists(out: Path) -> bool:
    return (out / "config.toml").is_file()


def _lines(out: Path) -> int:
    try:
        return (out / "metrics.jsonl").read_bytes().count(b"\n")
    except OSError:
        return 0


def _version(out: Path) -> tuple[int, int] | None:
    """A version that changes when a process has reopened the run, and with each line."""
    try:
        file_stat = (out / "metrics.jsonl").stat()
    except OSError:
        return None
    return file_stat.st_ino, file_stat.st_mtime_ns
