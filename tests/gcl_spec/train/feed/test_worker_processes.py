"""Batches made by worker processes."""

import math
import os
from functools import partial

import pytest

from gcl_spec.errors import DataError
from gcl_spec.train.feed.prefetch import Prefetcher


def test_processes_give_the_same() -> None:
    # Functions of the standard library: a worker cannot import the modules of tests.
    with Prefetcher(
        partial(partial, math.sqrt), workers=1, ahead=2, stop=9, kind="process"
    ) as prefetcher:
        assert [prefetcher.get(step) for step in range(4)] == [math.sqrt(n) for n in range(4)]
        with pytest.raises(ValueError, match=r"math domain error|nonnegative") as caught:
            prefetcher.get(-1)
        assert "in make" in str(caught.value.__cause__), "the worker's traceback"


def test_a_worker_that_dies_is_named() -> None:
    with Prefetcher(
        partial(partial, os._exit), workers=1, ahead=1, stop=9, kind="process"
    ) as prefetcher, pytest.raises(DataError, match=r"data\.workers"):  # fmt: skip
        prefetcher.get(3)
