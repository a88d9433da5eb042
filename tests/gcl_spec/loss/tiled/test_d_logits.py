"""D of one tile by hand: what the sums of either side's rows give to a logit."""

import array_api_compat.numpy as xp
import numpy as np
import pytest

from gcl_spec.loss.tiled.d_logits import d_logits, d_negatives
from gcl_spec.loss.tiled.masks import Masks, masks_of
from gcl_spec.loss.tiled.row_sums import Weights
from gcl_spec.loss.tiled.tile_logits import Layout, Side

ONE_WAY = Layout((0, 1), ((0, 1),), 2, 0, False)
SIDE = Side(np.zeros((4, 1)), None, None, None)


def weights(others: float, mean: float) -> Weights:
    """The same derivatives for both rows of a side, (1, 2) each."""
    full = np.full((1, 2), 1.0)
    return Weights(others * full, 0 * full, 0 * full, 0 * full, mean * full)


def test_a_block_gives_to_its_rows_and_its_transpose_to_its_columns() -> None:
    x = {(0, 1, 0): np.asarray([[0.0, 1], [2, 3]]), (1, 0, 0): np.zeros((2, 2))}
    a, b = weights(1.0, 0.0), weights(10.0, 0.0)
    found = d_negatives(x, a, b, SIDE, SIDE, Masks(None, None), ONE_WAY, 0.0, xp)
    np.testing.assert_allclose(found[0, 1, 0], [[1, 2], [4, 8]])
    np.testing.assert_allclose(found[1, 0, 0], np.full((2, 2), 10.0))


def test_a_sample_with_itself_has_the_weight_of_its_mean() -> None:
    x = {(0, 1, 0): np.zeros((2, 2)), (1, 0, 0): np.zeros((2, 2))}
    w, masks = weights(1.0, 5.0), masks_of(SIDE, SIDE, ONE_WAY, True, xp)
    negatives = d_negatives(x, w, w, SIDE, SIDE, masks, ONE_WAY, 0.0, xp)
    found = d_logits(negatives, x, w, w, SIDE, SIDE, masks, ONE_WAY, xp)
    np.testing.assert_allclose(found[0, 1, 0], [[5, 1], [1, 5]])
    assert negatives[0, 1, 0][0, 0] == 0.0


@pytest.mark.parametrize("shift", [0.0, None])
def test_a_sigmoid_weights_each_present_pair_by_itself(shift: float | None) -> None:
    layout = Layout((0, 1), ((0, 1),), 2, 0, False, sigmoid=True)
    b = SIDE._replace(present=np.asarray([[1.0, 1.0], [1.0, 0.0]]))
    x = {(0, 1, 0): np.zeros((2, 2)), (1, 0, 0): np.zeros((2, 2))}
    w, masks = weights(3.0, 0.0), Masks(None, None)
    found = d_negatives(x, w, w, SIDE, b, masks, layout, shift, xp)
    np.testing.assert_allclose(found[0, 1, 0], [[1.5, 0], [1.5, 0]])
