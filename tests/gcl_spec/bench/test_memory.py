"""The meter of this process's memory sees what was in use at the peak, and not before."""

import numpy as np
import pytest

from gcl_spec.bench import memory
from gcl_spec.bench.memory import ProcessMemory

MB = 2**20


def fill(megabytes: int) -> None:
    np.ones(megabytes * MB // 8).sum()


def test_the_peak_is_seen_after_the_memory_is_free_again() -> None:
    meter = ProcessMemory()
    meter.start()
    fill(64)
    # Where the mark cannot be set back an earlier peak may hide this one.
    assert meter.kind == "ru_maxrss" or meter.peak() >= 60 * MB


def test_an_earlier_peak_does_not_count() -> None:
    fill(256)
    meter = ProcessMemory()
    meter.start()
    fill(8)
    assert meter.kind == "ru_maxrss" or meter.peak() < 200 * MB


def test_without_a_mark_that_can_be_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_reset", lambda: False)
    meter = ProcessMemory()
    meter.start()
    assert meter.kind == "ru_maxrss"
    assert meter.peak() >= 0
