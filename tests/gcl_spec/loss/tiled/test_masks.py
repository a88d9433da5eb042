"""Masks over pairs of samples, and the damping of logits within one modality."""

import numpy as np

from gcl_spec.loss.tiled.masks import column, damped, damping_of, masks_of, where_present
from gcl_spec.loss.tiled.tile_logits import Layout, Side

LAYOUT = Layout((0,), ((0, 0),), 1, 0, False)
POSITIVES = Layout((0,), ((0, 0),), 1, 0, True)
ROWS = np.ones((3, 2))
A = Side(ROWS, None, None, np.asarray([1, 2, 2]))
B = Side(ROWS, None, np.asarray([[1.0, 0.0, 1.0]]), np.asarray([2, 1, 3]))
PLAIN = Side(ROWS, None, None, None)


def test_negatives_have_other_ids() -> None:
    others, own = masks_of(A, B, LAYOUT, False, np)
    np.testing.assert_array_equal(others, A.ids[:, None] != B.ids[None, :])
    assert own is None
    _, own = masks_of(A, B, POSITIVES, False, np)
    np.testing.assert_array_equal(own, ~others)


def test_one_side_with_itself() -> None:
    others, own = masks_of(A, A, LAYOUT, True, np)
    np.testing.assert_array_equal(own, np.eye(3, dtype=bool))
    assert others.sum() == 4
    others, own = masks_of(PLAIN, PLAIN, LAYOUT, True, np)
    np.testing.assert_array_equal(others, ~own)
    assert masks_of(PLAIN, PLAIN, LAYOUT, False, np) == (None, None)


def test_rows_that_are_not_present_are_masked() -> None:
    assert where_present(None, A, 0, 1) is None
    assert where_present(None, B, 0, 1).tolist() == [[True, False, True]]
    mask = np.eye(3, dtype=bool)
    np.testing.assert_array_equal(where_present(mask, B, 0, 0), np.diag([True, False, True]))


def test_damping_is_within_one_modality() -> None:
    assert damping_of(A, B, np) is None
    side = PLAIN._replace(damp=np.asarray([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]]))
    factors = damping_of(side, side, np)
    np.testing.assert_allclose(factors, [[0, 1, 0.4], [1, 0, 0.2], [0.4, 0.2, 0]], atol=1e-12)
    blocks = {(0, 0): np.full((3, 3), 2.0), (0, 1): np.full((3, 3), 2.0)}
    found = damped(blocks, factors)
    np.testing.assert_array_equal(found[0, 0], 2 * factors)
    assert found[0, 1] is blocks[0, 1]
    assert damped(blocks, None) is blocks


def test_columns() -> None:
    assert column(np.arange(3), 1).shape == (3, 1)
    assert column(np.arange(3), 0).shape == (1, 3)
