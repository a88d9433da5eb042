"""Sums of rows between the passes: to natural units, and their derivatives back."""

import numpy as np
import pytest

from gcl_spec.loss.problem import Blocks
from gcl_spec.loss.tiled.log_sums import LogSums
from gcl_spec.loss.tiled.row_sums import RowSums, blocks_of, tile_weights
from gcl_spec.loss.tiled.tile_logits import LN2
from gcl_spec.loss.tiled.tile_softmax import Own

RNG = np.random.default_rng(0)
SHAPE = (2, 4)


def sums(top: float = 3.0) -> RowSums:
    """Logarithms are top + rest; the positives of each row are two."""
    rest, own = RNG.normal(size=SHAPE), RNG.normal(size=SHAPE)
    linear, count = RNG.normal(size=SHAPE), np.full(SHAPE, 2.0)
    logs = LogSums(np.full(SHAPE, top), rest)
    return RowSums(logs, Own(LogSums(np.full(SHAPE, 1.0), own), linear, count))


def test_blocks_are_in_natural_units() -> None:
    given = sums()
    found = blocks_of(given, np)
    np.testing.assert_allclose(found.others, LN2 * (3 + given.others.rest))
    np.testing.assert_allclose(found.own, LN2 * (1 + given.own.logs.rest))
    np.testing.assert_allclose(found.mean, LN2 * given.own.linear / 2)


def test_a_row_without_positives() -> None:
    given = sums()
    nothing = Own(given.own.logs, np.zeros(SHAPE), np.zeros(SHAPE))
    assert (blocks_of(RowSums(given.others, nothing), np).mean == 0).all()


@pytest.mark.parametrize("size", [1.0, 1e-300, 1e30])
def test_weights_are_derivatives_over_a_power_of_2(size: float) -> None:
    """Of log2 sum exp2 by a term exp2(x): gradient / sum, so that the share is exp2(x - top)."""
    given = sums()
    gradients = Blocks(*(size * RNG.normal(size=SHAPE) for _ in range(3)))
    weights, factor = tile_weights(gradients, given, False, np.float64, np)
    assert np.log2(factor) == np.round(np.log2(factor))
    np.testing.assert_allclose(factor * weights.mean, gradients.mean / 2)
    for weight, gradient, logs in (
        (weights.others, gradients.others, given.others),
        (weights.own, gradients.own, given.own.logs),
    ):
        np.testing.assert_allclose(factor * weight, gradient * 2.0**-logs.rest, rtol=1e-12)
    assert (weights.others_top == 3).all()


def test_the_log_sum_of_a_single_positive_is_in_the_mean() -> None:
    given = sums()
    one = RowSums(given.others, Own(given.own.logs, given.own.linear, np.ones(SHAPE)))
    gradients = Blocks(*(RNG.normal(size=SHAPE) for _ in range(3)))
    weights, factor = tile_weights(gradients, one, True, np.float64, np)
    np.testing.assert_allclose(factor * weights.mean, gradients.mean + gradients.own)
    assert not weights.own.any()


def test_an_empty_sum_has_no_share() -> None:
    empty = LogSums(np.full(SHAPE, -np.inf), np.full(SHAPE, -np.inf))
    given = sums()
    gradients = Blocks(np.zeros(SHAPE), np.ones(SHAPE), np.ones(SHAPE))
    weights, _ = tile_weights(gradients, RowSums(empty, given.own), False, np.float64, np)
    assert (weights.others_top == np.inf).all()
    assert np.isfinite(weights.others).all()
