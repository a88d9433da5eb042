"""Batches made ahead are those of plain calls, and so are their errors."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcl_spec.data.prefetch import Prefetch


def make(step: int) -> int:
    if step % 7 == 5:
        raise ValueError(f"step {step}")
    return step * 10


@given(steps=st.lists(st.integers(0, 20), max_size=12), ahead=st.integers(0, 4))
def test_it_is_a_plain_call(steps: list[int], ahead: int) -> None:
    found = Prefetch(make, ahead=ahead, stop=15)
    for step in steps:
        if step % 7 == 5:
            with pytest.raises(ValueError, match=f"step {step}"):
                found(step)
        else:
            assert found(step) == make(step)
    found.close()


def test_the_next_ones_are_made_meanwhile_and_no_more() -> None:
    seen: list[int] = []
    made = threading.Event()

    def count(step: int) -> int:
        seen.append(step)
        if step == 3:
            made.set()
        return step

    ahead = Prefetch(count, ahead=3, stop=100)
    assert ahead(0) == 0
    assert made.wait(10)
    ahead.close()
    assert seen == [0, 1, 2, 3]
    assert not any(thread.name.startswith("batches") for thread in threading.enumerate())
