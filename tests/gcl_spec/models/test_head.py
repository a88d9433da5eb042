"""Weights of new heads: by name and seed, within their bounds, the same on every machine."""

import numpy as np
import pytest

from gcl_spec.models.head import head_weights


def test_a_seed_and_a_name_give_the_same_numbers() -> None:
    one, two = (head_weights("image_head", 6, 5, 4, seed=3) for _ in range(2))
    for name, x in one.items():
        assert x.dtype == np.float32
        np.testing.assert_array_equal(x, two[name])
    for name, seed in (("text_head", 3), ("image_head", 4)):
        other = head_weights(name, 6, 5, 4, seed)
        assert not np.array_equal(other["1.weight"], one["1.weight"])


def test_numbers_are_those_of_earlier_versions() -> None:
    """A resumed run and another backend start at them."""
    found = head_weights("image_head", 2, 2, 1, seed=0)
    again = np.random.Generator(np.random.Philox(np.random.SeedSequence([0, *b"image_head"])))
    np.testing.assert_array_equal(
        found["1.weight"], again.uniform(-(1.5**0.5), 1.5**0.5, (2, 2)).astype(np.float32)
    )


@pytest.mark.parametrize(("inputs", "hidden", "width"), [(300, 200, 100), (7, 500, 3)])
def test_the_spread_is_glorots(inputs: int, hidden: int, width: int) -> None:
    found = head_weights("h", inputs, hidden, width, seed=0)
    for layer, (fan_in, fan_out) in {"1": (inputs, hidden), "3": (hidden, width)}.items():
        bound = (6 / (fan_in + fan_out)) ** 0.5
        weight, bias = found[f"{layer}.weight"], found[f"{layer}.bias"]
        assert weight.shape == (fan_out, fan_in)
        assert 0.95 * bound < np.abs(weight).max() <= bound * (1 + 1e-6)
        assert np.abs(bias).max() <= fan_in**-0.5 * (1 + 1e-6)
        assert bias.any()
