"""The helper that runs processes: one that fails or dies is reported, never waited for."""

import os
from time import sleep

import pytest

from gcl_spec.conformance.workers import WorkerError
from processes import SECONDS, run


def breaks(rank: int, how: str) -> None:
    if rank == 1 and how == "dies":
        os._exit(7)
    if rank == 1:
        raise ValueError("no luck")
    sleep(SECONDS)  # until it is killed


@pytest.mark.parametrize(
    ("how", "message"),
    [("raises", "ValueError: no luck"), ("dies", "worker 1 died with exit code 7")],
)
def test_a_worker_without_a_result_is_reported(how: str, message: str) -> None:
    with pytest.raises(WorkerError, match=message):
        run(breaks, 2, how)
