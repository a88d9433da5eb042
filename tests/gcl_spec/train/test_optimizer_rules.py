"""The learning rate: a line up, half a cosine down, never 0."""

from math import cos, pi

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcl_spec.config.options import OptimConfig
from gcl_spec.train.optimizer_rules import learning_rate


def rates(steps: int, warmup: int, lr: float = 3.0) -> list[float]:
    optim = OptimConfig(lr=lr, warmup_steps=warmup)
    return [learning_rate(step, steps=steps, optim=optim) for step in range(steps)]


def test_the_line_and_the_cosine() -> None:
    found = rates(steps=14, warmup=4)
    assert found[:4] == pytest.approx([0.75, 1.5, 2.25, 3.0])
    assert found[4:] == pytest.approx([1.5 * (1 + cos(pi * k / 10)) for k in range(10)])


def test_no_warm_up_begins_at_the_peak() -> None:
    assert rates(steps=2, warmup=0) == pytest.approx([3.0, 1.5])
    assert rates(steps=1, warmup=0) == [3.0]


@pytest.mark.parametrize("warmup", [5, 6, 500])
def test_a_warm_up_is_at_most_the_whole_run(warmup: int) -> None:
    assert rates(steps=5, warmup=warmup) == pytest.approx([0.6, 1.2, 1.8, 2.4, 3.0])


@given(st.integers(1, 200), st.integers(0, 50))
def test_schedule_stays_in_range(steps: int, warmup: int) -> None:
    optim = OptimConfig(lr=2.0, warmup_steps=warmup)
    rates = [learning_rate(step, steps=steps, optim=optim) for step in range(steps)]
    assert all(0 < rate <= 2.0 for rate in rates)
    top = min(warmup, steps)
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
