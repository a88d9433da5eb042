"""Weights with their low-rank matrices added."""

import numpy as np
import pytest

from gcl_spec.models.lora import LORA_ALPHA, merged

RNG = np.random.default_rng(0)
W, A, B = RNG.normal(size=(3, 4)), RNG.normal(size=(2, 4)), RNG.normal(size=(3, 2))


def test_the_product_is_added_and_its_matrices_go() -> None:
    given = {"q.weight": W, "q.lora_A.weight": A, "q.lora_B.weight": B, "q.bias": W[0]}
    found = merged(given)
    assert found.keys() == {"q.weight", "q.bias"}
    np.testing.assert_allclose(found["q.weight"], W + LORA_ALPHA * B @ A)
    assert found["q.bias"] is given["q.bias"]
    np.testing.assert_array_equal(given["q.weight"], W, err_msg="the given ones stay")


def test_without_matrices_nothing_changes() -> None:
    given = {"q.weight": W}
    assert merged(given) == given


def test_half_a_pair_is_an_error() -> None:
    with pytest.raises(KeyError):
        merged({"q.weight": W, "q.lora_A.weight": A})
