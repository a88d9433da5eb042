"""The order of the data is a function of (seed, epoch)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcl_spec.data.order import Order
from gcl_spec.errors import DataError


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
