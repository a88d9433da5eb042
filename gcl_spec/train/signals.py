"""Handles SIGTERM and Ctrl-C during training: finish the step, save, and say how to go on."""

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from gcl_spec.errors import StoppedError

__all__ = ["Stop", "caught", "ends_alike", "interrupted"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Says whether the run was asked to stop.

    asked: the name of the signal, empty as long as there was none.
    """

    def __init__(self) -> None:
        self.asked = ""
        self._waits = False
        self._handled: tuple[signal.Signals, ...] = ()

    @contextmanager
    def at_step_ends(self) -> Iterator[None]:
        """Note a signal and go on within this block; elsewhere it is a `KeyboardInterrupt`."""
        self._waits = True
        try:
            yield
        finally:
            self._waits = False
        if self.asked:  # the signal came after the last look
            raise KeyboardInterrupt

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal; from now on a second one ends the process at once."""
        self.asked = signal.Signals(number).name
        for known in self._handled:
            signal.signal(known, signal.SIG_DFL)
        if not self._waits:
            raise KeyboardInterrupt


@contextmanager
def caught() -> Iterator[Stop]:
    """Set handlers within this block, in the main thread only, and then the earlier ones again.

    A signal that is ignored stays ignored, also after another one: a shell without job control,
    cron or a CI system ignores SIGINT for processes in the background.
    """
    stop = Stop()
    with _handled(_SIGNALS, stop.handle) as stop._handled:
        yield stop


@contextmanager
def ends_alike() -> Iterator[None]:
    """Make SIGTERM a `KeyboardInterrupt` within this block, as Ctrl-C is: nothing stays behind."""

    def handle(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)  # a second one ends the process at once
        raise KeyboardInterrupt

    with _handled((signal.SIGTERM,), handle):
        yield


@contextmanager
def _handled(
    numbers: Iterable[signal.Signals], handler: Callable[[int, FrameType | None], object]
) -> Iterator[tuple[signal.Signals, ...]]:
    """Set a handler within this block, and give the signals that were not ignored."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        handlers = {number: signal.getsignal(number) for number in numbers}
        before = {n: old for n, old in handlers.items() if old not in (signal.SIG_IGN, None)}
    try:
        for number in before:
            signal.signal(number, handler)
        yield tuple(before)
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def interrupted(out: Path, stop: Stop) -> StoppedError:
    """The error for a signal outside of the steps: `out` is not there yet, or all is saved."""
    name = stop.asked or "an interrupt"
    if not (out / "config.toml").is_file():
        return StoppedError(f"stopped by {name} before there was a run", resumable=False)
    return StoppedError(f"stopped by {name}; the checkpoints are in {out}", resumable=True)
