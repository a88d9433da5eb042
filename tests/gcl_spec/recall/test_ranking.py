"""Ranking metrics against loops over all orders of the ties."""

import numpy as np
import pytest
from hypothesis import given, settings

from gcl_reference.recall import band
from gcl_spec.errors import InputError
from gcl_spec.recall import Band, rank
from ranked import METRICS, Scored, bands, scored


@settings(max_examples=25)
@given(scored())
def test_a_band_is_that_of_all_orders(given_: Scored) -> None:
    found = bands(rank(given_.scores_QC, given_.relevant_QC, left_out=given_.left_out_QC))
    want = [[band(name, *query) for query in zip(*given_, strict=True)] for name in METRICS]
    np.testing.assert_allclose(found, np.moveaxis(np.asarray(want), 1, 2), atol=1e-14)
    assert np.all(found[:, 0] <= found[:, 1])
    assert np.all(found[:, 1] <= found[:, 2])


def test_a_collapsed_model_gets_chance() -> None:
    """A well-known library gives 0 to 100 % here, by the order of the candidates."""
    found = rank(np.zeros((1, 100)), [(0, 7)])
    assert found.hit(10) == Band(0.0, pytest.approx(0.1), 1.0)
    assert found.mrr.expected == pytest.approx(sum(1 / r for r in range(1, 101)) / 100)


def test_negative_scores_count() -> None:
    """A well-known library drops every score below 0."""
    found = rank(np.asarray([[-0.9, -0.2, -0.5]]), [(0, 1)])
    assert found.recall(5) == Band(1.0, 1.0, 1.0)
    assert found.mrr == Band(1.0, 1.0, 1.0)


def test_recall_divides_by_all_that_are_relevant() -> None:
    """With 3 relevant candidates recall@1 is at most 1/3, as trec_eval has it, and hit@1 is 1."""
    found = rank(np.asarray([[3.0, 2.0, 1.0, 0.0]]), [(0, 0), (0, 1), (0, 2)])
    assert found.recall(1).expected == pytest.approx(1 / 3)
    assert found.hit(1).expected == found.ndcg(1).expected == 1.0


def test_every_query_has_its_own_value() -> None:
    """A well-known library once took two queries for one long list."""
    scores_QC = np.asarray([[0.1, 0.2, 0.3], [0.8, 0.1, 0.05]])
    found = rank(scores_QC, [(0, 1), (1, 0)])
    np.testing.assert_allclose(found.ndcg(3).expected, [1 / np.log2(3), 1.0])


def test_k_beyond_the_pool_is_the_pool() -> None:
    found = rank(np.asarray([[0.3, 0.1]]), [(0, 1)])
    for metric in (found.hit, found.recall, found.ndcg):
        assert metric(2) == metric(10**9)
    assert found.hit(10**9).pessimistic == 1.0


@pytest.mark.parametrize("k", [0, -1, True, 2.0, "5", None])
def test_k_must_be_a_number_of_candidates(k: object) -> None:
    found = rank(np.zeros((1, 3)), [(0, 0)])
    for metric in (found.hit, found.recall, found.ndcg):
        with pytest.raises(InputError, match="wanted an integer of at least 1"):
            metric(k)


@pytest.mark.parametrize("name", ["hit", "hit@", "hit@-1", "mrr@5", "precision@5", "hit@1.5"])
def test_an_unknown_metric_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="no metric"):
        rank(np.zeros((1, 3)), [(0, 0)]).metric(name)


def test_metrics_are_float64_where_there_is_one() -> None:
    for dtype in (np.float16, np.float32, np.float64):
        assert rank(np.zeros((1, 3), dtype), [(0, 0)]).ndcg(2).expected.dtype == np.float64
