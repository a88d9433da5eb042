"""Laws of one pool: hits, and the shares of modalities among the first candidates."""

from types import ModuleType

import array_api_strict
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gcl_spec.errors import InputError
from gcl_spec.evaluate.sweeps.pool import measured, top_shares
from gcl_spec.recall import rank

KINDS = np.asarray([[0, 1, 2, 0, 1, 2, 0, 0], [2, 2, 1, 0, 1, 0, 0, 2]])


def drawn(seed: int, *, ties: bool) -> np.ndarray:
    scores_PQC = np.random.default_rng(seed).normal(size=(2, 5, len(KINDS[0])))
    return np.rint(scores_PQC) if ties else scores_PQC


@settings(max_examples=12)
@given(st.integers(0, 999), st.integers(1, 8), st.booleans())
def test_a_share_is_the_recall_of_all_candidates_of_a_modality(
    seed: int, k: int, ties: bool
) -> None:
    """The first k hold recall@k of them; the expected value over ties is the same."""
    scores_PQC = drawn(seed, ties=ties)
    found_PQM = top_shares(scores_PQC, KINDS, 3, k)
    assert np.allclose(found_PQM.sum(axis=2), 1)
    for scores_QC, kinds_C, found_QM in zip(scores_PQC, KINDS, found_PQM, strict=True):
        for m in range(3):
            relevant_QC = np.broadcast_to(kinds_C == m, scores_QC.shape)
            recalled_Q = rank(scores_QC, relevant_QC).recall(k).expected
            assert np.allclose(found_QM[:, m], recalled_Q * np.sum(kinds_C == m) / k)


@settings(max_examples=12)
@given(st.integers(0, 999))
def test_loops_give_the_same(seed: int) -> None:
    scores_PQC = drawn(seed, ties=False)
    places = [(0, 0, 3), (0, 1, 0), (1, 3, 7), (1, 4, 2)]
    hit, shares_PQM = measured(scores_PQC, KINDS, 3, places, [(0, 1, 4)], k=3)
    for p, query, right in places:
        pool = [c for c in range(8) if (p, query, c) != (0, 1, 4)]
        best = sorted(pool, key=lambda c: -scores_PQC[p, query, c])[:3]
        assert hit.expected[p, query] == (right in best)
        shares = [sum(KINDS[p, c] == m for c in best) / 3 for m in range(3)]
        assert np.allclose(shares_PQM[p, query], shares)
    assert np.isnan(hit.expected[0, 2])  # it has nothing to find


@pytest.mark.parametrize("xp", [array_api_strict, torch])
def test_arrays_of_any_library(xp: ModuleType) -> None:
    scores_PQC, places = drawn(1, ties=True), [(p, n, n) for p in range(2) for n in range(5)]
    wanted = measured(scores_PQC, KINDS, 3, places, [(1, 0, 1)], k=3)
    found = measured(xp.asarray(scores_PQC), KINDS, 3, places, [(1, 0, 1)], k=3)
    for a, b in zip((*wanted[0], wanted[1]), (*found[0], found[1]), strict=True):
        assert np.allclose(a, np.asarray(b))


def test_a_pool_has_at_least_k_candidates() -> None:
    with pytest.raises(InputError, match="8 candidates; the first 9 cannot be counted"):
        top_shares(drawn(0, ties=False), KINDS, 3, 9)
