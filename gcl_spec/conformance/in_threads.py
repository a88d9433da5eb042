"""Calls in threads that Ctrl-C ends: what they have found by then stays."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from threading import Event
from typing import TypeVar

__all__ = ["in_threads"]

T = TypeVar("T")


def in_threads(calls: Sequence[Callable[[], list[T]]], jobs: int, stop: Event) -> list[T]:
    """What the calls return, one after another in the order of the calls.

    After Ctrl-C, whether it reaches the main thread or a call, `stop` is set, no further call
    begins, and the result is what those that had begun return.

    Args:
        calls: functions that return what they have by then soon after `stop` is set.
        jobs: the number of threads.
        stop: set by Ctrl-C, and by an error of a call.

    Raises:
        BaseException: what a call raised other than `KeyboardInterrupt`, when all have ended.
    """
    futures: list[Future[list[T]]] = []
    with ThreadPoolExecutor(jobs) as pool:
        try:
            futures.extend(pool.submit(call) for call in calls)  # those before Ctrl-C stay
            for future in wait(futures, return_when=FIRST_EXCEPTION).done:
                future.result()
        except BaseException as raised:
            stop.set()
            for future in futures:
                future.cancel()
            if not isinstance(raised, KeyboardInterrupt):
                raise
    return [result for future in futures for result in _returned(future)]


def _returned(future: Future[list[T]]) -> list[T]:
    """What an ended call returned; nothing where it did not begin, or was itself interrupted."""
    if future.cancelled() or isinstance(future.exception(), KeyboardInterrupt):
        return []
    return future.result()
