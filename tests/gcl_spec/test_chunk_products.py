"""Comparing in threads: the places of numpy.flatnonzero, for every size and number of threads."""

import os
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from forks import ended_in_fork
from gcl_spec import chunk_products
from gcl_spec.chunk_products import at_least, in_threads


@pytest.fixture(params=["1", "3", "", "none"])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", request.param)
    chunk_products._pool.cache_clear()
    yield
    chunk_products._pool()[0].shutdown()
    chunk_products._pool.cache_clear()


def test_places(threads: None) -> None:
    rng = np.random.default_rng(0)
    for shape in ((1, 1), (7, 100), (3, 64), (5, 13), (1, 700), (2, 0), (130, 9)):
        product = np.round(rng.standard_normal(shape) * 3).astype(np.float32)
        least = np.round(rng.standard_normal(shape[0]) * 3).astype(np.float32)
        for bar in (least, np.full(len(least), product.max(initial=0))):
            found = at_least(product, bar)
            assert np.array_equal(found, np.flatnonzero(product >= bar[:, None]))
    few = np.zeros((10, 4096), np.float32)
    few[[0, 3, 9], [5, 4000, 4095]] = 1
    places = at_least(few, np.ones(10, np.float32))
    assert places.tolist() == [5, 3 * 4096 + 4000, 10 * 4096 - 1]


def test_each_thing_is_done_once_and_errors_come_back(threads: None) -> None:
    for count in (0, 1, 2, 50):
        done = np.zeros(count, int)

        def work(part: slice, done=done) -> None:
            done[part] += 1

        in_threads(work, count)
        assert np.all(done == 1)

    def fail(part: slice) -> None:
        if part.stop == 50:
            raise KeyError("the last")

    with pytest.raises(KeyError, match="the last"):
        in_threads(fail, 50)


# The child calls nothing of another library, whose threads it would lack.
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")
@pytest.mark.parametrize("threads", ["3"], indirect=True)
def test_a_forked_process_has_threads_of_its_own(threads: None) -> None:
    met, done = threading.Barrier(3), np.zeros(50, int)

    def work(part: slice) -> None:
        met.wait()  # so that each part has a thread
        done[part] += 1

    def again() -> None:
        in_threads(work, 50)
        assert np.all(done == 2)

    in_threads(work, 50)
    assert ended_in_fork(again) == 0
