"""Fused rows against their formula, and the figures by which bounds grow."""

import numpy as np
import pytest

from gcl_spec.conformance.cases.fused import Fused
from gcl_spec.objective import GCL, Objective

ROWS = np.asarray([[[3.0, 0.0], [0.0, 1.0], [1.0, 0.0]], [[0.0, 4.0], [0.0, 1.0], [-1.0, 0.0]]])


def test_a_fused_row_is_the_normalised_sum() -> None:
    fused = Fused(ROWS, GCL)
    assert (fused.given, fused.parts) == ([0, 1], {2: [0, 1]})
    np.testing.assert_allclose(fused.rows_MBD[2], [[0.6, 0.8], [0.0, 1.0], [0.0, 0.0]])
    assert fused.sizes[2][:2, 0].tolist() == [5.0, 2.0]


def test_weights_count_and_missing_rows_are_zero() -> None:
    here = np.asarray([[1, 1, 1], [1, 0, 1], [1, 1, 0]], bool)
    weights = np.asarray([[[0.0, 1.0, 1.0], [1.0, 1.0, 1.0]]])
    fused = Fused(ROWS, GCL, here, weights)
    np.testing.assert_allclose(fused.rows_MBD[2], [[0.0, 1.0], [0.0, 1.0], [0.0, 0.0]])
    assert not fused.rows_MBD[1, 1].any()


def test_cancellation_and_slope() -> None:
    assert Fused(ROWS[:, :2], GCL).cancellation == pytest.approx(7 / 5)
    assert Fused(ROWS, GCL).cancellation == np.inf, "two rows that cancel out"
    here = np.ones((3, 3), bool)
    here[2, 2] = False
    assert Fused(ROWS, GCL, here).cancellation == pytest.approx(7 / 5), "that row is not fused"
    assert Fused(ROWS[:, :2], GCL).slope == pytest.approx(1 / 2)
    plain = Fused(ROWS, Objective(modalities=("image", "text")))
    assert (plain.parts, plain.cancellation, plain.slope) == ({}, 0.0, 0.0)
