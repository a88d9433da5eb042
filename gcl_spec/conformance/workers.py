"""Processes of this machine that answer together, for losses that are spread over several."""

import multiprocessing
import os
import signal
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from typing import Any

__all__ = ["WorkerError", "Workers"]

Answer = Callable[[Any], Any]
Make = Callable[[int, int, str], Answer]

_SECONDS = 300.0
"""The time that one answer may take, in which a program may be compiled."""


class WorkerError(RuntimeError):
    """A worker raised, died or did not answer; its traceback is in the message."""


class Workers:
    """`size` processes, each of which makes a function and then answers with it.

    They start with the first question, and anew after a question that failed, because a worker may
    wait for another that is gone.

    Args:
        make: a function of a module, called in every worker with its rank, `size` and a folder that
            all share, empty at the start.
        size: the number of processes.
        env: variables of the workers' environment.
    """

    def __init__(self, make: Make, size: int, env: Mapping[str, str] | None = None) -> None:
        self._make, self._size, self._env = make, size, dict(env or {})
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._workers: list[tuple[Any, Connection]] = []
        self._turn = threading.Lock()

    def ask(self, question: Any) -> list[Any]:
        """The answers of all workers, in the order of ranks.

        Raises:
            WorkerError: a worker failed; all are ended.
        """
        with self._turn:
            if not self._workers:
                self._start()
            try:
                for _, end in self._workers:
                    end.send(question)
                return self._answers()
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """End the workers."""
        for worker, end in self._workers:
            worker.kill()
            worker.join()
            end.close()
        self._workers = []
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._folder = tempfile.TemporaryDirectory()
        with _environment(self._env):
            for rank in range(self._size):
                ours, theirs = context.Pipe()
                given = (self._make, rank, self._size, self._folder.name, theirs)
                worker = context.Process(target=_work, args=given, daemon=True)
                worker.start()
                theirs.close()  # otherwise the end of a dead worker would still be open here
                self._workers.append((worker, ours))

    def _answers(self) -> list[Any]:
        answers: dict[int, Any] = {}
        waiting: dict[Any, int] = {end: rank for rank, (_, end) in enumerate(self._workers)}
        while waiting:
            ready = wait(list(waiting), _SECONDS)
            if not ready:
                raise WorkerError(f"no answer in {_SECONDS:.0f} s; there are those of {[*answers]}")
            for end in ready:
                rank = waiting.pop(end)
                answers[rank] = self._answer(rank)
        return [answers[rank] for rank in range(self._size)]

    def _answer(self, rank: int) -> Any:
        worker, end = self._workers[rank]
        try:
            right, answer = end.recv()
        except EOFError:
            worker.join(_SECONDS)
            raise WorkerError(f"worker {rank} died with exit code {worker.exitcode}") from None
        if not right:
            raise WorkerError(f"worker {rank}: {answer}")
        return answer


def _work(make: Make, rank: int, size: int, folder: str, end: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends workers
    answer: Answer | None = None
    while True:
        try:
            question = end.recv()
        except EOFError:
            return
        try:
            if answer is None:
                answer = make(rank, size, folder)
            end.send((True, answer(question)))
        except Exception:
            end.send((False, traceback.format_exc()))


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
