"""The helper that runs processes: one that fails or dies is reported, never waited for."""

import os
from collections.abc import Callable
from pathlib import Path
from time import sleep

import pytest

from gcl_spec.conformance.workers import WorkerError, Workers


def breaks(rank: int, size: int, folder: str) -> Callable[[str], None]:
    def answer(how: str) -> None:
        if rank == 1 and how == "dies":
            os._exit(7)
        if rank == 1:
            raise ValueError("no luck")
        sleep(600)  # until it is killed

    return answer


@pytest.mark.parametrize(
    ("how", "message"),
    [("raises", "ValueError: no luck"), ("dies", "worker 1 died with exit code 7")],
)
def test_a_worker_without_a_result_is_reported(how: str, message: str) -> None:
    workers = Workers(breaks, 2)
    with pytest.raises(WorkerError, match=message):
        workers.ask(how)


def reads_environment(rank: int, size: int, folder: str) -> Callable[[str], tuple[int, str, str]]:
    return lambda name: (rank, os.environ.get(name, ""), folder)


def fails_when_asked(rank: int, size: int, folder: str) -> Callable[[str], str]:
    def answer(question: str) -> str:
        if question == "fail" and rank == 1:
            raise ValueError("no luck")
        return f"{rank} of {size}: {question}"

    return answer


def test_workers_have_their_environment_and_share_a_folder() -> None:
    workers = Workers(reads_environment, 2, {"GCL_TEST_WORKERS": "theirs"})
    try:
        (first, second) = workers.ask("GCL_TEST_WORKERS")
    finally:
        workers.close()
    assert (first[:2], second[:2]) == ((0, "theirs"), (1, "theirs"))
    assert first[2] == second[2]
    assert not Path(first[2]).exists(), "it goes with the workers"
    assert "GCL_TEST_WORKERS" not in os.environ


def test_workers_start_anew_after_a_failure() -> None:
    workers = Workers(fails_when_asked, 2)
    try:
        assert workers.ask("a") == ["0 of 2: a", "1 of 2: a"]
        with pytest.raises(WorkerError, match=r"worker 1: [\s\S]*ValueError: no luck"):
            workers.ask("fail")
        assert workers.ask("b") == ["0 of 2: b", "1 of 2: b"]
    finally:
        workers.close()
