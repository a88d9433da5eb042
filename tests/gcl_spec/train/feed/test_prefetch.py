"""Prefetching changes when a batch is made, and nothing else."""

import math
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import traceback
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gcl_spec.errors import DataError
from gcl_spec.train.feed.prefetch import Prefetcher


def open_prefetcher(make, **options):
    return Prefetcher(lambda: make, **{"workers": 2, "ahead": 3, "stop": 100} | options)


@settings(max_examples=60)
@given(
    steps=st.lists(st.integers(0, 12)) | st.integers(0, 12).map(lambda n: range(n, 13)),
    workers=st.integers(1, 3), ahead=st.integers(1, 5), bad=st.sets(st.integers(0, 12)),
)  # fmt: skip
def test_equals_plain_iteration(steps: list[int], workers: int, ahead: int, bad: set[int]) -> None:
    def make(step: int) -> int:
        if step in bad:
            raise ValueError(f"step {step}")
        return step * step

    with open_prefetcher(make, workers=workers, ahead=ahead, stop=13) as prefetcher:
        for step in steps:
            if step in bad:
                with pytest.raises(ValueError, match=f"^step {step}$"):
                    prefetcher.get(step)
            else:
                assert prefetcher.get(step) == step * step


def test_steps_are_made_ahead_but_not_too_far_nor_past_the_end() -> None:
    made: list[int] = []
    with open_prefetcher(lambda step: made.append(step), ahead=3, stop=7) as prefetcher:
        prefetcher.get(0)
        deadline = time.monotonic() + 120
        while len(made) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert sorted(made) == [0, 1, 2, 3]
        for step in range(1, 7):
            prefetcher.get(step)
        assert sorted(made) == list(range(7))
    assert sorted(made) == list(range(7)), "each once"


def test_a_single_look_costs_one_batch() -> None:
    made: list[int] = []
    with open_prefetcher(lambda step: made.append(step), workers=1) as prefetcher:
        prefetcher.get(0)
        prefetcher.get(50)
    assert 50 in made
    assert not set(made) & set(range(51, 100))


def test_errors_have_the_makers_traceback() -> None:
    def the_maker(step: int) -> None:
        raise DataError("broken")

    with open_prefetcher(the_maker) as prefetcher:
        with pytest.raises(DataError, match="broken") as caught:
            prefetcher.get(0)
        assert "the_maker" in [frame.name for frame in traceback.extract_tb(caught.tb)]


def test_workers_end() -> None:
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError), open_prefetcher(lambda step: 1 // step) as prefetcher:
        prefetcher.get(0)
    assert threading.active_count() == before


def test_a_setup_that_fails_is_raised() -> None:
    with Prefetcher(
        partial(int, "none"), workers=1, ahead=1, stop=9, kind="process"
    ) as prefetcher, pytest.raises(ValueError, match="none"):  # fmt: skip
        prefetcher.get(3)


CHILD = """
import math, os, time
from functools import partial
from pathlib import Path
from gcl_spec.train.feed.prefetch import Prefetcher

def slow(step):
    time.sleep(0.2)
    return step

if __name__ == "__main__":
    kind = {kind!r}
    setup = (lambda: slow) if kind == "thread" else partial(partial, math.sqrt)
    prefetcher = Prefetcher(setup, workers=1, ahead=3, stop=10**6, kind=kind)
    prefetcher.get(0)
    if kind == "process":
        print(*prefetcher._executor._processes, flush=True)
    else:
        print("ready", flush=True)
    {then}
"""


def child(tmp_path: Path, kind: str, then: str) -> subprocess.Popen[str]:
    file = tmp_path / "child.py"
    file.write_text(textwrap.dedent(CHILD).format(kind=kind, then=then))
    return subprocess.Popen([sys.executable, file], stdout=subprocess.PIPE, text=True,
                            stderr=subprocess.PIPE)  # fmt: skip


@pytest.mark.parametrize("kind", ["thread", "process"])
def test_an_unclosed_one_holds_up_no_exit(kind: str, tmp_path: Path) -> None:
    done = child(tmp_path, kind, "raise SystemExit(7)")
    done.communicate(timeout=240)
    assert done.returncode == 7


@pytest.mark.parametrize("kind", ["thread", "process"])
def test_ctrl_c_ends_it(kind: str, tmp_path: Path) -> None:
    # In CPython (3.11) a signal that comes just before a sleep does not end it, if another thread
    # wants the lock.
    done = child(tmp_path, kind, "for _ in range(6000): time.sleep(0.1)")
    assert done.stdout is not None
    assert done.stdout.readline()
    done.send_signal(signal.SIGINT)
    _, errors = done.communicate(timeout=240)
    assert done.returncode in (1, -signal.SIGINT)
    assert errors.count("KeyboardInterrupt") == 1


def test_worker_processes_end_with_a_killed_parent(tmp_path: Path) -> None:
    done = child(tmp_path, "process", "time.sleep(600)")
    assert done.stdout is not None
    (pid,) = map(int, done.stdout.readline().split())
    done.kill()
    done.communicate(timeout=240)
    deadline = time.monotonic() + 240
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(pid)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_sigterm_is_the_parents_to_handle() -> None:
    with Prefetcher(partial(partial, math.sqrt), workers=2, ahead=2, stop=10**6,
                    kind="process") as found:  # fmt: skip
        found.get(0)
        workers = list(found._executor._processes)  # type: ignore[attr-defined]
        for pid in workers:
            os.kill(pid, signal.SIGTERM)
        time.sleep(0.2)
        assert all(map(is_running, workers))
        assert [found.get(step) for step in (1, 2, 3)] == [math.sqrt(n) for n in (1, 2, 3)]
        os.kill(workers[0], signal.SIGKILL)
        with pytest.raises(DataError, match="ended by itself"):
            # The other worker goes on until the pool notices.
            [found.get(step) for step in range(4, 10**6)]
    assert not any(map(is_running, workers)), "the others do not wait for ever"
