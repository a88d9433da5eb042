"""Batches of coming steps, made by threads or processes while a step computes."""

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from typing import Generic, Literal, TypeVar

from gcl_spec.errors import DataError

__all__ = ["Prefetcher"]

T = TypeVar("T")


class Prefetcher(Generic[T]):
    """Gives what a maker gives for a step, only sooner when steps follow one another.

    An error of the maker is raised by the `get` of its step, with its traceback. Use it as a
    context manager, or call `close`, which ends the workers.

    Args:
        setup: gives the maker, a function of the step that several threads may call at once. With
            processes it is called in each of them, and must be importable there with picklable
            arguments; what the maker returns must be picklable as well.
        workers: threads or processes, at least 1.
        ahead: the most steps that are made ready beyond the one asked for.
        stop: the first step that will not be asked for.
        kind: "thread" or "process".

    >>> with Prefetcher(lambda: abs, workers=2, ahead=3, stop=5) as prefetcher:
    ...     [prefetcher.get(step) for step in (0, 1, 4)]
    [0, 1, 4]
    """

    def __init__(
        self,
        setup: Callable[[], Callable[[int], T]],
        *,
        workers: int,
        ahead: int,
        stop: int,
        kind: Literal["thread", "process"] = "thread",
    ) -> None:
        self._ahead, self._stop = ahead, stop
        self._next: int | None = None
        self._futures: dict[int, Future[T]] = {}
        self._executor: Executor
        self._make: Callable[[int], T]
        if kind == "thread":
            self._make = setup()
            self._executor = ThreadPoolExecutor(workers, thread_name_prefix="gcl-data")
        else:
            # They are imported here, because that takes a tenth of the time of the package's
            # import.
            from gcl_spec.train.feed.worker_processes import make, pool

            self._make = make
            self._executor = pool(workers, setup)

    def get(self, step: int) -> T:
        """The result of the maker for `step`; it raises whatever the maker raises.

        Raises:
            DataError: a worker process has died.
        """
        in_order = self._next in (None, step)
        if not in_order:
            self._drop()
        self._next = step + 1
        # Only steps in order are worth work ahead; a jump may be a single look.
        last = min(step + self._ahead, self._stop - 1) if in_order else step
        try:
            for n in range(step, max(step, last) + 1):
                if n not in self._futures:
                    self._futures[n] = self._executor.submit(self._make, n)
            return self._futures.pop(step).result()
        except BrokenExecutor as error:
            raise DataError(
                "a worker process ended by itself, as when memory is short; use fewer "
                "data.workers, or data.workers_kind=thread"
            ) from error

    def close(self) -> None:
        """End the workers, which first finish what they are making."""
        self._drop()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> "Prefetcher[T]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _drop(self) -> None:
        for future in self._futures.values():
            future.cancel()
        self._futures.clear()
