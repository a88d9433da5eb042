"""What is not finite, and where it may stand."""

import numpy as np
import pytest

from gcl_spec.errors import InputError, InputTypeError
from gcl_spec.recall.screen import check_scores, matrix_of, screened

NONE = np.zeros((0, 2), np.int64)


def test_pairs_as_booleans_of_a_part() -> None:
    pairs = np.asarray([[0, 1], [1, 5], [1, 3]])
    assert np.argwhere(matrix_of(pairs, (2, 3), start=3)).tolist() == [[1, 0], [1, 2]]


def test_only_spared_scores_may_be_anything() -> None:
    scores = np.asarray([[0.0, np.nan], [np.inf, 1.0]])
    spared = np.asarray([[False, True], [False, False]])
    found, wrong = screened(scores, spared, np.asarray([[1, 4]]), np, start=4)
    assert found.tolist() == [[0.0, -np.inf], [-np.inf, 1.0]]
    assert not wrong.any()
    with pytest.raises(InputError, match="candidate 4 of query 1 is inf"):
        screened(scores, spared, NONE, np, start=4)
    found, wrong = screened(np.zeros((2, 2)), spared, NONE, np)
    assert wrong is None
    assert found.tolist() == [[0.0, -np.inf], [0.0, 0.0]]


def test_shape_and_dtype() -> None:
    check_scores(np.zeros((2, 0)), 2, "(Q, C)", np)
    with pytest.raises(InputError, match=r"wanted \(Q, C\)"):
        check_scores(np.zeros(2), 2, "(Q, C)", np)
    with pytest.raises(InputTypeError, match="bool"):
        check_scores(np.zeros((2, 2), bool), 2, "(Q, C)", np)
