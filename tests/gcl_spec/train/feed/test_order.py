"""The order of the data is a function of (seed, epoch)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcl_spec.errors import DataError
from gcl_spec.train.feed.order import Order


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 5), st.integers(0, 3))
def test_an_epoch_visits_every_sample_at_most_once(
    samples: int, batch: int, seed: int, epoch: int
) -> None:
    batch = min(batch, samples)
    order = Order(samples, batch, seed)
    first = epoch * order.steps_per_epoch
    seen = np.concatenate([order.batch(first + n)[0] for n in range(order.steps_per_epoch)])
    assert len(seen) == len(set(seen.tolist())) == batch * (samples // batch)
    assert all(order.epoch(first + n) == epoch for n in range(order.steps_per_epoch))


def test_any_step_can_be_asked_first() -> None:
    order = Order(50, 8, 3)
    walked = [order.batch(step) for step in range(20)]
    again = Order(50, 8, 3).batch(17)
    assert np.array_equal(walked[17][0], again[0])
    assert np.array_equal(walked[17][1], again[1])


def test_seeds_and_epochs_differ() -> None:
    order = Order(50, 50, 0)
    assert not np.array_equal(order.batch(0)[0], order.batch(1)[0])
    assert not np.array_equal(order.batch(0)[0], Order(50, 50, 1).batch(0)[0])


def test_batch_larger_than_the_data_is_named() -> None:
    with pytest.raises(DataError, match=r"train\.batch_size = 9 is more than the 5 samples"):
        Order(5, 9, 0)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 8), st.integers(0, 40))
def test_shares_of_processes_are_the_batch(samples: int, batch: int, size: int, step: int) -> None:
    batch = min(batch, samples)
    order = Order(samples, batch, 1)
    if size > batch:
        with pytest.raises(DataError, match="less than the"):
            order.local(step, 0, size)
        return
    parts = [order.local(step, rank, size) for rank in range(size)]
    for whole, shares in zip(order.batch(step), zip(*parts, strict=True), strict=True):
        assert np.array_equal(whole, np.concatenate(shares))
    lengths = [len(numbers) for numbers, _ in parts]
    assert max(lengths) - min(lengths) <= 1


def test_ranks_are_checked() -> None:
    with pytest.raises(DataError, match="ranks go from 0 to 1"):
        Order(5, 4, 0).local(0, 2, 2)


def test_any_caption_of_many_is_drawn_as_often() -> None:
    """Draws are large, so that the remainder is even, for hundreds of captions too."""
    draws = np.concatenate([Order(5_000, 5_000, seed=3).batch(step)[1] for step in range(8)])
    assert draws.min() >= 0
    assert 2**31 * 0.999 < draws.max() < 2**31
    for captions in (63, 100, 1_000):
        counts = np.bincount(draws % captions, minlength=captions)
        assert len(counts) == captions
        even = len(draws) / captions
        excess = ((counts - even) ** 2 / even).sum() - (captions - 1)
        assert abs(excess) < 4 * (2 * (captions - 1)) ** 0.5, "chi-squared, four deviations"
