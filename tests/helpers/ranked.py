"""Scores, relevance and metrics of rankings that tests share."""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from gcl_spec._typing import BoolArray, FloatArray
from gcl_spec.recall import Ranking

METRICS = ("hit@1", "hit@3", "recall@3", "ndcg@3", "ndcg@50", "mrr", "average precision")


class Scored(NamedTuple):
    """Scores, and booleans that say what is relevant and what is left out, (Q, C) each."""

    scores_QC: FloatArray
    relevant_QC: BoolArray
    left_out_QC: BoolArray


@st.composite
def scored(draw: st.DrawFn, queries: int = 3, most: int = 7) -> Scored:
    """Queries whose scores are mostly tied, each with a relevant candidate."""
    shape = (queries, draw(st.integers(1, most)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    relevant_QC = rng.random(shape) < 0.4
    relevant_QC[:, rng.integers(shape[1])] = True
    scores_QC = rng.integers(-2, draw(st.integers(-1, 4)), shape) / 4
    return Scored(scores_QC, relevant_QC, rng.random(shape) < 0.2)


def bands(ranking: Ranking) -> FloatArray:
    """All metrics of a ranking, (T, 3, Q), on the host."""
    return np.asarray([[host(x) for x in ranking.metric(name)] for name in METRICS])


def host(x: Any) -> FloatArray:
    """An array of any framework as NumPy's."""
    return np.asarray(x.detach().cpu() if hasattr(x, "detach") else x)
