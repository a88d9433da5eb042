"""Laws of retrieval metrics; that splitting changes nothing is in test_stream.py."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gcl_spec.recall import rank
from ranked import METRICS, Scored, bands, scored


def metrics(given_: Scored) -> np.ndarray:
    return bands(rank(given_.scores_QC, given_.relevant_QC, left_out=given_.left_out_QC))


@settings(max_examples=20)
@given(scored(most=12), st.randoms(use_true_random=False))
def test_the_order_of_candidates_and_of_queries_changes_nothing(given_: Scored, random) -> None:
    want = metrics(given_)
    candidates = random.sample(range(given_.scores_QC.shape[1]), given_.scores_QC.shape[1])
    queries = random.sample(range(3), 3)
    found = metrics(Scored(*(x[queries][:, candidates] for x in given_)))
    np.testing.assert_array_equal(found, want[:, :, queries])


@settings(max_examples=20)
@given(scored(most=12))
def test_only_the_order_of_scores_counts(given_: Scored) -> None:
    want = metrics(given_)
    for other in (np.exp(3 * given_.scores_QC), given_.scores_QC**3 - 100):
        np.testing.assert_array_equal(metrics(given_._replace(scores_QC=other)), want)


@settings(max_examples=20)
@given(scored(most=12))
def test_what_is_left_out_is_as_if_it_were_not_there(given_: Scored) -> None:
    want = metrics(given_)
    for query in range(3):
        kept = given_.relevant_QC[query] | ~given_.left_out_QC[query]
        alone = Scored(*(x[query : query + 1, kept] for x in given_))
        np.testing.assert_array_equal(metrics(alone)[:, :, 0], want[:, :, query])


@settings(max_examples=20)
@given(scored(most=12))
def test_more_k_is_never_less(given_: Scored) -> None:
    found = rank(given_.scores_QC, given_.relevant_QC)
    for metric in (found.hit, found.recall):
        values = np.asarray([metric(k) for k in range(1, 15)])
        assert np.all(np.diff(values, axis=0) >= -1e-15)
        assert np.all(values[-1] == 1.0)


@settings(max_examples=20)
@given(scored(most=12))
def test_bands_hold_what_they_say(given_: Scored) -> None:
    """All is between 0 and 1; with one relevant candidate hit is recall, and MRR the precision."""
    found = metrics(given_)
    assert np.all((found >= 0) & (found <= 1))
    assert np.all(np.diff(found, axis=1) >= 0)
    first = given_.relevant_QC & (np.cumsum(given_.relevant_QC, axis=1) == 1)
    one = dict(zip(METRICS, metrics(given_._replace(relevant_QC=first)), strict=True))
    np.testing.assert_allclose(one["hit@3"], one["recall@3"], atol=1e-15)
    np.testing.assert_allclose(one["mrr"], one["average precision"], atol=1e-15)
