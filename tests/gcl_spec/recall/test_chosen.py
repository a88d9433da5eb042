"""Pairs and their layout by query."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gcl_spec.errors import InputError
from gcl_spec.recall.chosen import is_matrix, layout, matrix_of_traced, pairs_of, without


def test_pairs_are_sorted_and_each_stands_once() -> None:
    found = pairs_of([(1, 2), (0, 3), (1, 2), (1, 0)], 2, 4, "relevant")
    assert found is not None
    assert found.tolist() == [[0, 3], [1, 0], [1, 2]]
    assert pairs_of([], 2, 4, "relevant").shape == (0, 2)
    assert pairs_of(np.zeros((0, 2), int), 2, 4, "relevant").shape == (0, 2)


def test_the_layout_has_a_column_for_each_candidate() -> None:
    found = layout(np.asarray([[0, 3], [2, 0], [2, 5]]), 3)
    assert found.numbers_QR.tolist() == [[3, 0], [0, 0], [0, 5]]
    assert found.valid_QR.tolist() == [[True, False], [False, False], [True, True]]
    assert layout(np.zeros((0, 2), np.int64), 2).valid_QR.shape == (2, 1)


def test_pairs_without_others() -> None:
    pairs = np.asarray([[0, 3], [1, 0], [1, 2]])
    assert without(pairs, np.asarray([[1, 0], [0, 2]])).tolist() == [[0, 3], [1, 2]]
    assert without(pairs, pairs[:0]).tolist() == pairs.tolist()


def test_booleans_are_told_from_pairs() -> None:
    assert is_matrix(np.ones((2, 2), bool), np)
    assert is_matrix(jnp.ones((2, 2), bool), jnp)
    assert not is_matrix(np.ones((2, 2), int), np)
    assert not is_matrix([(0, 1)], np)


def test_traced_pairs_become_booleans() -> None:
    @jax.jit
    def matrix(pairs: jax.Array) -> jax.Array:
        assert pairs_of(pairs, 2, 3, "relevant") is None
        found: jax.Array = matrix_of_traced(pairs, 2, 3, jnp)
        return found

    found = matrix(jnp.asarray([[1, 2], [0, 0], [1, 2]]))
    assert found.tolist() == [[True, False, False], [False, False, True]]
    assert not matrix(jnp.asarray([[1, 2], [0, 3], [0, 0]])).any(), "a pair is out of range"
    with pytest.raises(InputError, match="too many"):
        matrix_of_traced(jnp.zeros((1, 2), int), 2**16, 2**16, jnp)
    with pytest.raises(InputError, match=r"wanted \(P, 2\)"):
        matrix_of_traced(jnp.zeros((1, 3), int), 2, 2, jnp)
