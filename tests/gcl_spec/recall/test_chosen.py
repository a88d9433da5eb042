"""Pairs and their layout by query."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gcl_spec.errors import InputError
from gcl_spec.recall.chosen import is_matrix, laid_out, layout, matrix_of_traced, pairs_of


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


def test_values_of_pairs_in_any_order() -> None:
    given = np.asarray([[2, 5], [0, 3], [2, 0]])
    flags = layout(given[np.lexsort(given.T[::-1])], 3).valid_QR
    found = laid_out(np.asarray([7.0, 8.0, 9.0]), given, flags, "gains", np)
    assert found[flags].tolist() == [8.0, 9.0, 7.0]
    assert laid_out(np.zeros(0), given[:0], np.zeros((2, 1), bool), "gains", np).shape == (2, 1)
    with pytest.raises(InputError, match=r"gains have shape \(2,\); wanted .* the 3 pairs"):
        laid_out(np.zeros(2), given, flags, "gains", np)


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
