"""A world of processes, played by threads."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from gcl_spec.batch import Batch

SIZE = 2
WAIT = 120.0  # seconds; a thread that waits for a failed one breaks the barrier, and the test


class Threads:
    """A world of threads; `any` is two barriers around a shared list."""

    def __init__(self) -> None:
        self.barrier = threading.Barrier(SIZE)
        self.flags = [False] * SIZE
        self.parts: list[Any] = [None] * SIZE


class Member:
    size = SIZE
    host = ""

    def __init__(self, threads: Threads, rank: int) -> None:
        self._threads = threads
        self.rank = rank
        self.calls = 0

    def barrier(self) -> None:
        self._threads.barrier.wait(WAIT)

    def first(self, number: int, /) -> int:
        self._threads.parts[self.rank] = number
        self.barrier()
        found = int(self._threads.parts[0])
        self.barrier()
        return found

    def lost(self, error: Exception, /) -> bool:
        return isinstance(error, threading.BrokenBarrierError)

    def gather(self, batch: Batch) -> Batch:
        """The whole batch, of which every process has its share."""
        self._threads.parts[self.rank] = batch
        self.barrier()
        parts = list(self._threads.parts)
        self.barrier()
        return Batch(
            {name: np.concatenate([part.inputs[name] for part in parts]) for name in batch.inputs},
            {n: np.concatenate([part.present[n] for part in parts]) for n in batch.present},
            np.concatenate([part.ids for part in parts]),
        )

    def any(self, flag: bool, /) -> bool:
        self.calls += 1
        self._threads.flags[self.rank] = flag
        self.barrier()
        found = any(self._threads.flags)
        self.barrier()
        return found


def in_threads(call: Callable[[Member], Any]) -> list[Any]:
    threads = Threads()
    found: list[Any] = [None] * SIZE

    def one(rank: int) -> None:
        try:
            found[rank] = call(Member(threads, rank))
        except Exception as error:
            found[rank] = error

    members = [threading.Thread(target=one, args=(rank,)) for rank in range(SIZE)]
    for member in members:
        member.start()
    for member in members:
        member.join()
    return found
