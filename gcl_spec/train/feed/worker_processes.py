"""Processes that make batches: what runs in them, and how they end."""

import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import parent_process
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

__all__ = ["make", "pool"]


# Ctrl-C and a scheduler's SIGTERM go to the whole group; the parent handles them.
_SIGNALS = {signal.SIGINT, signal.SIGTERM}


class _Worker(SpawnProcess):
    """A process that is deaf to signals from its start.

    SIGTERM is how the pool ends the other processes where one died.
    """

    def start(self) -> None:
        before = _mask("SIG_BLOCK", _SIGNALS)  # a new process inherits the mask
        try:
            super().start()
        finally:
            _mask("SIG_SETMASK", before)

    def terminate(self) -> None:
        self.kill()


class _Spawn(SpawnContext):
    # Processes are not forked, because the frameworks' threads and locks do not survive that.
    Process = _Worker


def pool(workers: int, setup: Callable[[], Callable[[int], Any]]) -> Executor:
    """Processes in which `make` is what `setup` gives; they end with this one."""
    return ProcessPoolExecutor(workers, _Spawn(), _begin, (setup,))


# In a worker process this is its maker, or the error why there is none.
_maker: Callable[[int], Any] | BaseException | None = None


def make(step: int) -> Any:
    """The result of this worker process's maker; it raises whatever that, or its setup, raised."""
    if isinstance(_maker, BaseException):
        raise _maker
    assert _maker is not None
    return _maker(step)


def _begin(setup: Callable[[], Callable[[int], Any]]) -> None:
    global _maker
    warnings.filterwarnings("ignore", module="PIL")  # as `gcl` itself does
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    _mask("SIG_UNBLOCK", _SIGNALS)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _maker = setup()
    except Exception as error:  # every step raises it again, since an initializer's error is lost
        _maker = error


def _mask(how: str, signals: Iterable[int]) -> Iterable[int]:
    """Change which signals must wait, and give those that did; on Windows nothing happens."""
    if not hasattr(signal, "pthread_sigmask"):
        return ()
    return signal.pthread_sigmask(getattr(signal, how), signals)


def _end_with_parent() -> None:
    """End this process with its parent: a killed one tells its workers nothing, and they wait."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
