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


# Ctrl-C and a scheduler's SIGTERM go to the whole group: they are the parent's to handle.
_SIGNALS = {signal.SIGINT, signal.SIGTERM}


class _Worker(SpawnProcess):
    """Deaf to signals from its start; SIGTERM is how the pool ends the others where one died."""

    def start(self) -> None:
        before = _mask("SIG_BLOCK", _SIGNALS)  # which a new process inherits
        try:
            super().start()
        finally:
            _mask("SIG_SETMASK", before)

    def terminate(self) -> None:
        self.kill()


class _Spawn(SpawnContext):
    # Not forked: the frameworks' threads and locks do not survive that.
    Process = _Worker


def pool(workers: int, setup: Callable[[], Callable[[int], Any]]) -> Executor:
    """Processes in which `make` is what `setup` gives; they end with this one."""
    return ProcessPoolExecutor(workers, _Spawn(), _begin, (setup,))


# In a worker process: its maker, or why there is none.
_maker: Callable[[int], Any] | BaseException | None = None


def make(step: int) -> Any:
    """What the maker of this worker process gives; whatever it, or its setup, raises."""
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
    except Exception as error:  # raised again by every step; an initializer's own is lost
        _maker = error


def _mask(how: str, signals: Iterable[int]) -> Iterable[int]:
    """Change which signals must wait, and give those that did; Windows knows no such thing."""
    if not hasattr(signal, "pthread_sigmask"):
        return ()
    return signal.pthread_sigmask(getattr(signal, how), signals)


def _end_with_parent() -> None:
    """A killed parent tells its workers nothing, and they would wait for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
