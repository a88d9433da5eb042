"""Scores and relevance on which retrieval metrics go wrong in libraries that people use."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gcl_spec._typing import BoolArray, FloatArray

__all__ = ["METRICS", "RankingCase", "ranking_cases", "thorough_rankings"]

METRICS = (
    "hit@1", "hit@3", "recall@3", "recall@20", "ndcg@3", "mrr", "average precision",
)  # fmt: skip
"""The metrics that are compared; 20 is beyond every pool."""

_SHAPE = (3, 12)
"""The shape of all fixed cases, so that a compiling backend compiles few programs."""


@dataclass(frozen=True, slots=True, eq=False)
class RankingCase:
    """Scores of queries with candidates, all (Q, C): `relevant_QC` and `left_out_QC` are booleans.

    A query without a relevant candidate, with NaN or Inf where a candidate competes, or with a
    relevant candidate whose gain is not above 0, must be an error, or NaN.
    """

    name: str
    scores_QC: FloatArray
    relevant_QC: BoolArray
    left_out_QC: BoolArray
    gains_QC: FloatArray


def ranking_cases() -> tuple[RankingCase, ...]:
    """The fixed cases, the same on every machine, all of one shape."""
    return (*_scores(), *_chosen(), *_graded(), *_refused())


def thorough_rankings(draws: int, seed: int) -> tuple[RankingCase, ...]:
    """All fixed cases, one of a pool of one candidate, and random ones."""
    one = np.asarray([[True]])
    alone = RankingCase("one candidate", np.asarray([[-0.25]]), one, ~one, np.ones((1, 1)))
    drawn = (_drawn(seed * 1000 + n, f"drawn {seed}.{n}") for n in range(draws))
    return (*ranking_cases(), alone, *drawn)


def _drawn(seed: int, name: str) -> RankingCase:
    rng = np.random.default_rng(seed)
    levels = rng.integers(1, 9, size=(_SHAPE[0], 1))
    scores_QC = np.floor(rng.random(_SHAPE) * levels) / 4 - 1
    relevant_QC = rng.random(_SHAPE) < 0.25
    relevant_QC[:, rng.integers(_SHAPE[1])] = True
    left_out_QC = rng.random(_SHAPE) < 0.15
    # The loops look at every order of a tie's grades, so these are equal where the tie is large.
    gains_QC = np.where(levels > 3, rng.integers(1, 4, size=_SHAPE), 1.0)
    return RankingCase(name, scores_QC, relevant_QC, left_out_QC, gains_QC)


def _scores() -> Iterator[RankingCase]:
    """Scores of every kind, with relevant candidates at the same places."""
    rng = np.random.default_rng(70)
    scores_QC, relevant_QC = rng.normal(size=_SHAPE), rng.random(_SHAPE) < 0.3
    some = RankingCase("", scores_QC, relevant_QC, np.zeros(_SHAPE, bool), np.ones(_SHAPE))
    some.relevant_QC[:, 5] = True
    ties = np.floor(rng.random(_SHAPE) * 4)
    yield replace(some, name="no ties")
    yield replace(some, name="ties", scores_QC=ties)
    yield replace(some, name="all scores equal", scores_QC=np.full(_SHAPE, 0.5))
    yield replace(some, name="negative scores and 0", scores_QC=-ties)
    yield replace(some, name="duplicates", scores_QC=np.tile(some.scores_QC[:, :6], 2))
    zeros = np.where(rng.random(_SHAPE) < 0.5, -0.0, 0.0)
    yield replace(some, name="zeros of both signs", scores_QC=zeros)
    yield replace(some, name="scores nearly equal", scores_QC=1 + ties / 2**22)
    yield replace(some, name="large scores", scores_QC=ties * 2.0**100)
    relevant_QC = np.zeros(_SHAPE, bool)
    relevant_QC[[0, 1, 2], [0, 11, 6]] = True
    yield replace(some, name="one relevant, ties", scores_QC=ties, relevant_QC=relevant_QC)
    equal = np.full(_SHAPE, -0.5)
    yield replace(some, name="one relevant, equal", scores_QC=equal, relevant_QC=relevant_QC)
    best_last = np.tile(np.arange(12.0), (3, 1))
    yield replace(some, name="the last is the best", scores_QC=best_last, relevant_QC=relevant_QC)
    many = replace(some, relevant_QC=rng.random(_SHAPE) < 0.8)
    yield replace(many, name="most are relevant", scores_QC=ties)


def _chosen() -> Iterator[RankingCase]:
    """Candidates that are left out, and pools of one."""
    for n in range(2):
        yield _drawn(71 + n, f"left out, {n}")
    some = _drawn(73, "relevant ones are left out, too")
    yield replace(some, left_out_QC=some.left_out_QC | some.relevant_QC)
    alone = np.zeros(_SHAPE, bool)
    alone[:, 3] = True
    yield replace(some, name="one candidate is not left out", relevant_QC=alone, left_out_QC=~alone)
    yield replace(some, name="all are relevant", relevant_QC=np.ones(_SHAPE, bool))
    unread = np.where(some.left_out_QC & ~some.relevant_QC, np.nan, some.scores_QC)
    yield replace(some, name="NaN where left out", scores_QC=unread)


def _graded() -> Iterator[RankingCase]:
    """Relevant candidates with gains of every kind."""
    rng = np.random.default_rng(83)
    ties, grades = np.floor(rng.random(_SHAPE) * 3), rng.integers(1, 4, size=_SHAPE) * 1.0
    relevant_QC, nothing = rng.random(_SHAPE) < 0.4, np.zeros(_SHAPE, bool)
    some = RankingCase("grades, ties", ties, relevant_QC, nothing, grades)
    yield some
    two_QC = np.isin(np.arange(12), [0, 11]) | nothing
    equal = replace(some, name="grades, all scores equal", scores_QC=np.zeros(_SHAPE))
    yield replace(equal, relevant_QC=two_QC)
    some = replace(some, name="grades, no ties", scores_QC=rng.normal(size=_SHAPE))
    yield some
    yield replace(some, name="gains below 1", gains_QC=grades / 16)
    unread = np.where(relevant_QC, grades, np.nan)
    yield replace(some, name="NaN for gains of others", gains_QC=unread)
    for value in (0.0, -1.0, np.nan, np.inf):
        wrong = grades.copy()
        wrong[1, int(np.flatnonzero(relevant_QC[1])[0])] = value
        yield replace(some, name=f"a gain of {value}", gains_QC=wrong)


def _refused() -> Iterator[RankingCase]:
    """Queries that have no metrics, beside others that have."""
    some = _drawn(75, "")
    nobody = some.relevant_QC.copy()
    nobody[1] = False
    yield replace(some, name="no relevant", relevant_QC=nobody)
    for value in (np.nan, np.inf, -np.inf):
        scores_QC = some.scores_QC.copy()
        place = int(np.flatnonzero(~(some.relevant_QC[2] | some.left_out_QC[2]))[0])
        scores_QC[2, place] = value
        yield replace(some, name=f"a score of {value}", scores_QC=scores_QC)
    lost = np.where(some.relevant_QC, np.nan, some.scores_QC)
    yield replace(some, name="NaN of relevant ones", scores_QC=lost)
