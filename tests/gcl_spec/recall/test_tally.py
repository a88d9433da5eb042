"""The counts from which a ranking follows."""

import numpy as np
import pytest

from gcl_spec.errors import InputError
from gcl_spec.recall.tally import Tally

PAIRS = np.asarray([[0, 0], [0, 2], [0, 3]])


def test_a_ranking_says_where_relevant_candidates_stand() -> None:
    scores = np.asarray([[0.5, 0.9, 0.5, 0.7, 0.5, 0.1]])
    tally = Tally(scores[:, [0, 2, 3]], np.ones((1, 3), bool), PAIRS, np)
    tally.add(scores[:, :4])
    assert tally.candidates == 4
    tally.add(scores[:, 4:])
    found = tally.ranking()
    assert found.ahead_QR.tolist() == [[1, 2, 2]]
    assert found.size_QR.tolist() == [[1, 3, 3]]
    assert found.relevant_ahead_QR.tolist() == [[0, 1, 1]]
    assert found.relevant_QR.tolist() == [[1, 2, 2]]
    assert found.candidates == 6


def test_without_candidates_only_relevant_ones_rank() -> None:
    found = Tally(np.asarray([[0.5, 0.9, 0.5]]), np.ones((1, 3), bool), PAIRS, np).ranking()
    assert found.ahead_QR.tolist() == [[0, 1, 1]]
    assert found.size_QR.tolist() == [[1, 2, 2]]


def test_a_score_of_a_relevant_candidate_is_finite() -> None:
    with pytest.raises(InputError, match="a relevant candidate of query 0 is -inf"):
        Tally(np.asarray([[0.5, -np.inf]]), np.ones((1, 2), bool), PAIRS[:2], np)
    kept = Tally(np.asarray([[0.5, np.nan]]), np.asarray([[True, False]]), PAIRS[:1], np)
    assert kept.ranking().hit(1).expected.tolist() == [1.0]
