"""Chunks of candidates give what the whole matrix gives."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gcl_spec._typing import FloatArray
from gcl_spec.errors import InputError, InputTypeError
from gcl_spec.recall import RankingStream, rank
from ranked import Scored, bands, scored

SCORES = np.asarray([[0.5, 0.2, 0.1], [0.3, 0.4, 0.4]])
PAIRS = [(0, 0), (1, 2)]


@settings(max_examples=20)
@given(scored(most=9), st.lists(st.integers(0, 9), max_size=4), st.booleans())
def test_how_it_is_cut_changes_nothing(given_: Scored, cuts: list[int], by_chunk: bool) -> None:
    scores_QC, relevant_QC, left_out_QC = given_
    want = bands(rank(scores_QC, relevant_QC, left_out=left_out_QC))
    pairs = np.argwhere(relevant_QC)[::-1]
    stream = RankingStream(
        scores_QC[pairs[:, 0], pairs[:, 1]],
        pairs,
        queries=len(scores_QC),
        left_out=() if by_chunk else np.argwhere(left_out_QC),
    )
    edges = [0, *sorted(min(cut, scores_QC.shape[1]) for cut in cuts), scores_QC.shape[1]]
    for start, stop in pairwise(edges):
        part = slice(start, stop)
        stream.add(scores_QC[:, part], left_out=left_out_QC[:, part] if by_chunk else None)
    np.testing.assert_array_equal(bands(stream.ranking()), want)


def test_a_relevant_candidates_own_place_is_not_looked_at() -> None:
    """Its score was given first; the product that makes the chunk may round it otherwise."""
    rounded = SCORES.copy()
    rounded[0, 0], rounded[1, 2] = np.nan, 0.4 + 1e-16
    found = stream_of(torch.asarray(SCORES[[0, 1], [0, 2]]))
    found.add(torch.asarray(rounded))
    np.testing.assert_array_equal(bands(found.ranking()), bands(rank(SCORES, PAIRS)))


def stream_of(scores_P: FloatArray | torch.Tensor) -> RankingStream:
    return RankingStream(scores_P, PAIRS, queries=2)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="2 pairs, 2 of them different, and there are 3 scores"):
        stream_of(np.zeros(3))
    with pytest.raises(InputError, match="2 pairs, 1 of them different"):
        RankingStream(np.zeros(2), [(0, 0), (0, 0)], queries=1)
    with pytest.raises(InputError, match="relevant to query 2"):
        RankingStream(np.zeros(2), PAIRS, queries=3)
    with pytest.raises(InputError, match="a stream wants pairs"):
        RankingStream(np.zeros(2), SCORES > 0, queries=2)
    with pytest.raises(InputError, match="a relevant candidate of query 1 is nan"):
        stream_of(np.asarray([0.0, np.nan]))
    with pytest.raises(InputError, match=r"names query 5; there are 2"):
        RankingStream(np.zeros(2), PAIRS, queries=2, left_out=[(5, 1)])
    stream = stream_of(np.zeros(2))
    with pytest.raises(InputError, match=r"a chunk has shape \(1, 3\)"):
        stream.add(SCORES[:1])
    with pytest.raises(InputError, match=r"dtype float32; wanted .* float64"):
        stream.add(SCORES.astype(np.float32))
    with pytest.raises(InputTypeError, match="real floating"):
        stream.add(SCORES.astype(int))
    with pytest.raises(InputError, match=r"left_out has shape \(2, 2\)"):
        stream.add(SCORES, left_out=SCORES[:, 1:] > 0)
    stream.add(SCORES[:, :2])
    with pytest.raises(InputError, match="candidate 2 is relevant, but only 2 candidates"):
        stream.ranking()
    with pytest.raises(InputError, match="candidate 3 of query 0 is inf"):
        stream.add(np.asarray([[0.0, np.inf], [0.0, 0.0]]))
