"""A direction is checked when it is made."""

import pytest

from gcl_spec.errors import ConfigError
from gcl_spec.objective.direction import Direction, all_directions


def test_all_ordered_pairs() -> None:
    found = [str(direction) for direction in all_directions(("a", "b", "a+b"))]
    assert found == ["a->b", "a->a+b", "b->a", "b->a+b", "a+b->a", "a+b->b"]


def test_a_word_or_names() -> None:
    assert Direction("a", "b", pool=("c", "a")).pool == ("a", "c")
    assert Direction("a", "b", pool="query").pool == "query"
    with pytest.raises(ConfigError, match="direction a->b: pool = 'others': must be one of all, "):
        Direction("a", "b", pool="others")  # type: ignore[arg-type]


@pytest.mark.parametrize("weight", [0.0, -1.0, float("inf"), float("nan")])
def test_weights_are_positive_numbers(weight: float) -> None:
    with pytest.raises(ConfigError, match="leave the direction out"):
        Direction("a", "b", weight)
