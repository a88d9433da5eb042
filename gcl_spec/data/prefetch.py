"""The batches of coming steps, made in a thread while the current one is trained on."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

__all__ = ["Prefetch"]

T = TypeVar("T")


class Prefetch(Generic[T]):
    """`make(step)`, with the results of the next `ahead` steps below `stop` made beforehand.

    Results and errors are those of plain calls, at the step that they belong to. Steps may come in
    any order; what was made for others is dropped.

    >>> squares = Prefetch(lambda step: step**2, ahead=2, stop=5)
    >>> [squares(step) for step in range(5)]
    [0, 1, 4, 9, 16]
    """

    def __init__(self, make: Callable[[int], T], *, ahead: int, stop: int) -> None:
        self._make, self._ahead, self._stop = make, ahead, stop
        self._waiting: dict[int, Future[T]] = {}
        # One thread: decoding has a pool of its own, and a random-access source keeps its order.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batches") if ahead else None

    def __call__(self, step: int) -> T:
        """What `make(step)` gives or raises."""
        if self._thread is None:
            return self._make(step)
        coming = range(step, min(step + self._ahead + 1, self._stop))
        for other in [n for n in self._waiting if n not in coming]:
            self._waiting.pop(other).cancel()
        for n in coming:
            if n not in self._waiting:
                self._waiting[n] = self._thread.submit(self._make, n)
        if step not in self._waiting:  # beyond the last step
            return self._make(step)
        return self._waiting.pop(step).result()

    def close(self) -> None:
        """End the thread after the batch that it is at."""
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=True)
        self._waiting.clear()
