"""Calls in threads, and Ctrl-C at any moment: what is done stays, and nothing is waited for."""

import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from gcl_reference.backend import ReferenceBackend
from gcl_spec.conformance import in_threads as module
from gcl_spec.conformance import quick_cases, rankings
from gcl_spec.conformance.cases.rankings import ranking_cases
from gcl_spec.conformance.in_threads import in_threads

verification = sys.modules["gcl_spec.conformance.verify"]  # the package has a function of its name
MANY = 12_000


def steps(stop: Event, name: str, count: int = MANY) -> list[str]:
    """Some work in small steps, until it is to stop, or for a minute."""
    found = []
    for _ in range(count):
        if stop.is_set():
            break
        time.sleep(0.005)
        found.append(name)
    return found


def test_results_are_in_the_order_of_the_calls() -> None:
    stop = Event()
    calls = [lambda n=n: steps(stop, str(n), 5 - n) for n in range(5)]
    assert in_threads(calls, 2, stop) == [*"0" * 5, *"1" * 4, *"2" * 3, *"3" * 2, "4"]
    assert not stop.is_set()


@pytest.mark.parametrize("at", ["submit", "wait", "call"])
def test_an_interrupt_ends_all_calls(at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt(monkeypatch, at)
    stop = Event()

    def last() -> list[str]:
        if at == "call":
            raise KeyboardInterrupt
        return steps(stop, "second")

    found = in_threads([lambda: steps(stop, "first"), last], 2, stop)
    assert stop.is_set()
    assert found.count("first") < MANY


def test_other_errors_are_raised_when_all_have_ended() -> None:
    stop, begun, ended = Event(), Event(), Event()

    def first() -> list[str]:
        begun.set()
        steps(stop, "first")
        ended.set()
        return []

    def fails() -> list[str]:
        begun.wait()
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        in_threads([first, fails], 2, stop)
    assert ended.is_set()


class Waits(ReferenceBackend):
    """After some calls it waits until the threads are to stop, if they ever are."""

    name = "waits"

    def __init__(self, stop: Event) -> None:
        self.stop, self.calls, self.patient = stop, 0, True

    def loss_and_grads(self, *args: Any, **options: Any) -> Any:
        self._wait()
        return super().loss_and_grads(*args, **options)

    def retrieval_metrics(self, *args: Any, **options: Any) -> Any:
        self._wait()
        return super().retrieval_metrics(*args, **options)

    def _wait(self) -> None:
        self.calls += 1
        if self.calls > 4 and self.patient:
            self.patient = self.stop.wait(20)


@pytest.mark.parametrize("at", ["submit", "wait"])
@pytest.mark.parametrize("kind", ["losses", "rankings"])
def test_nothing_goes_on_after_an_interrupt(
    at: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal reaches the main thread while it starts threads, or while it waits for them."""
    stop = Event()
    backend = Waits(stop)
    cases = (quick_cases() if kind == "losses" else ranking_cases())[:30]
    monkeypatch.setattr(verification if kind == "losses" else rankings, "Event", lambda: stop)
    interrupt(monkeypatch, at)
    if kind == "losses":
        found = verification.verify([backend], ReferenceBackend(), cases, jobs=2, degenerate=False)
    else:
        found = rankings.verify_rankings([backend], ReferenceBackend(), cases, jobs=2)
    assert found.interrupted
    assert backend.patient
    assert backend.calls < len(cases)


def interrupt(monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    """Ctrl-C when the second thread has been started, or when all are waited for."""
    submit = ThreadPoolExecutor.submit
    started: list[Future[Any]] = []

    def submit_two(self: ThreadPoolExecutor, *args: Any) -> Future[Any]:
        started.append(submit(self, *args))
        if len(started) == 2:
            raise KeyboardInterrupt
        return started[-1]

    def wait(*args: Any, **options: Any) -> Any:
        raise KeyboardInterrupt

    if at == "submit":
        monkeypatch.setattr(ThreadPoolExecutor, "submit", submit_two)
    elif at == "wait":
        monkeypatch.setattr(module, "wait", wait)
