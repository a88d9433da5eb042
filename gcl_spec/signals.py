"""SIGTERM and Ctrl-C during training: finish the step, save, and say how to go on."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from gcl_spec.errors import StoppedError

__all__ = ["Stop", "caught", "interrupted"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether the run was asked to stop.

    asked: name of the signal, empty as long as there was none.
    """

    def __init__(self) -> None:
        self.asked = ""
        self._waits = False

    @contextmanager
    def at_step_ends(self) -> Iterator[None]:
        """In this block a signal is only noted; elsewhere it is a `KeyboardInterrupt`."""
        self._waits = True
        try:
            yield
        finally:
            self._waits = False
        if self.asked:  # after the last look at it
            raise KeyboardInterrupt

    def handle(self, number: int, frame: FrameType | None) -> None:
        """The handler; from now on a second signal ends the process at once."""
        self.asked = signal.Signals(number).name
        for known in _SIGNALS:
            signal.signal(known, signal.SIG_DFL)
        if not self._waits:
            raise KeyboardInterrupt


@contextmanager
def caught() -> Iterator[Stop]:
    """Handlers for this block, then those from before; none outside of the main thread.

    A signal that is ignored, as SIGINT under nohup, stays ignored.
    """
    stop = Stop()
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            handler = signal.getsignal(number)
            if handler not in (signal.SIG_IGN, None):
                before[number] = handler
                signal.signal(number, stop.handle)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def interrupted(out: Path, stop: Stop) -> StoppedError:
    """For a signal outside of the steps: `out` is not there yet, or everything is saved."""
    name = stop.asked or "an interrupt"
    if not (out / "config.toml").is_file():
        return StoppedError(f"stopped by {name} before there was a run", resumable=False)
    return StoppedError(f"stopped by {name}; the checkpoints are in {out}", resumable=True)
