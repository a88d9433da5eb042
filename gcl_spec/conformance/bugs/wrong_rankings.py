"""Known bugs of retrieval metrics, many of which libraries had or have."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.conformance.bugs.ranking_mutant import Answer, Asked, RankingBug

__all__ = ["RANKING_BUGS"]


def _asked(change: Callable[[Asked], Asked]) -> RankingBug:
    """A bug that gives the right answer to another question."""
    return lambda asked, answer: answer(change(asked))


def _scores(change: Callable[[FloatArray], Any]) -> RankingBug:
    """A bug that gives the right answer for other scores."""
    return _asked(lambda a: a.but(scores_QC=np.asarray(change(a.scores_QC), a.scores_QC.dtype)))


def _gains(change: Callable[[FloatArray], Any]) -> RankingBug:
    """A bug that gives the right answer for other gains."""
    return _asked(lambda a: a.but(gains_QC=np.asarray(change(a.gains_QC), a.gains_QC.dtype)))


def _named(change: Callable[[str], str]) -> RankingBug:
    """A bug that gives the values of metrics of other names."""
    return _asked(lambda a: a.but(metrics=tuple(map(change, a.metrics))))


def _band(change: Callable[[FloatArray], Any]) -> RankingBug:
    """A bug that changes the values of the band, (3, T, Q)."""

    def bug(asked: Asked, answer: Answer) -> FloatArray:
        return np.stack(change(np.moveaxis(answer(asked), 1, 0)), axis=1)

    return bug


def _changed(start: str, change: Callable[[Asked, str, FloatArray], Any]) -> RankingBug:
    """A bug that changes the metrics, (3, Q) each, whose names begin with `start`."""

    def bug(asked: Asked, answer: Answer) -> FloatArray:
        metrics_T3Q = answer(asked).copy()
        for n, name in enumerate(asked.metrics):
            if name.startswith(start):
                metrics_T3Q[n] = change(asked, name, metrics_T3Q[n])
        return metrics_T3Q

    return bug


def _shifted(by: int) -> Callable[[str], str]:
    def other(name: str) -> str:
        kind, at, k = name.partition("@")
        return f"{kind}@{max(1, int(k) + by)}" if at else name

    return other


def _by_place(sign: int) -> Callable[[FloatArray], FloatArray]:
    """Scores without ties, because the place of a candidate breaks them."""

    def other(scores_QC: FloatArray) -> FloatArray:
        places = np.stack([np.unique(row, return_inverse=True)[1] for row in scores_QC])
        return np.asarray(places + sign * np.arange(scores_QC.shape[1]) / 1000)

    return other


def _above_0(asked: Asked) -> Asked:
    kept = asked.scores_QC > 0
    return asked.but(relevant_QC=asked.relevant_QC & kept, left_out_QC=asked.left_out_QC | ~kept)


def _count(asked: Asked, name: str) -> Any:
    """How many candidates are relevant, (Q,), at most K."""
    return np.clip(asked.relevant_QC.sum(axis=1), 1, int(name.partition("@")[2]))


def _ideal(k: Any) -> Any:
    sums = np.cumsum(1 / np.log2(np.arange(2, 40)))
    return sums[np.asarray(k) - 1]


def _unsorted_ideal(asked: Asked, name: str, ndcg_3Q: FloatArray) -> Any:
    """nDCG by the gain of the first K relevant candidates as they stand in the pool, (3, Q)."""
    k = int(name.partition("@")[2])
    by_query = [g[r] for g, r in zip(asked.gains_QC, asked.relevant_QC, strict=True)]
    dcg = [[_dcg(gains[:k]), _dcg(np.sort(gains)[::-1][:k])] for gains in by_query]
    there_Q, best_Q = np.asarray(dcg, np.float64).T
    return ndcg_3Q * best_Q / there_Q


def _dcg(gains: FloatArray) -> float:
    return float(gains @ (1 / np.log2(np.arange(2, len(gains) + 2))))


def _nobody(value: float) -> RankingBug:
    """A query without a relevant candidate gets a number."""

    def bug(asked: Asked, answer: Answer) -> FloatArray:
        relevant_QC = asked.relevant_QC.copy()
        lonely_Q = relevant_QC.sum(axis=1) == 0
        relevant_QC[lonely_Q, 0] = True
        return np.where(lonely_Q, value, answer(asked.but(relevant_QC=relevant_QC)))

    return bug


def _first_relevant(asked: Asked) -> Asked:
    return asked.but(relevant_QC=asked.relevant_QC & (np.cumsum(asked.relevant_QC, axis=1) == 1))


RANKING_BUGS: Mapping[str, RankingBug] = MappingProxyType(
    {
        "K is one too small": _named(_shifted(-1)),
        "K is one too large": _named(_shifted(1)),
        "K is ignored": _named(_shifted(1000)),
        "hit for recall": _named(lambda name: name.replace("recall", "hit")),
        "recall for hit": _named(lambda name: name.replace("hit", "recall")),
        "MRR for average precision": _named(lambda name: name.replace("average precision", "mrr")),
        "average precision for MRR": _named(lambda name: name.replace("mrr", "average precision")),
        "recall by K where that is less": _changed(
            "recall", lambda a, name, x: x * a.relevant_QC.sum(axis=1) / _count(a, name)
        ),
        "nDCG by the gain of K relevant ones": _changed(
            "ndcg", lambda a, name, x: x * _ideal(_count(a, name)) / _ideal(int(name[5:]))
        ),
        "DCG for nDCG": _changed("ndcg", lambda a, name, x: x * _ideal(_count(a, name))),
        "MRR is 0 below rank 3": _changed("mrr", lambda a, name, x: np.where(x < 0.33, 0 * x, x)),
        "ties by place": _scores(_by_place(-1)),
        "ties by place, last first": _scores(_by_place(1)),
        "only the worst order of ties": _band(lambda x: (x[0], x[0], x[0])),
        "only the best order of ties": _band(lambda x: (x[2], x[2], x[2])),
        "the middle of the band is expected": _band(lambda x: (x[0], (x[0] + x[2]) / 2, x[2])),
        "band upside down": _band(lambda x: (x[2], x[1], x[0])),
        "only the expected order": _band(lambda x: (x[1], x[1], x[1])),
        "score <= 0 dropped": _asked(_above_0),
        "sizes of scores": _scores(np.abs),
        "lowest score first": _scores(lambda x: -x),
        "scores rounded to float16": _scores(lambda x: x.astype(np.float16).clip(-6e4, 6e4)),
        "scores rounded to 2 decimals": _scores(lambda x: np.round(x, 2)),
        "-0.0 below 0.0": _scores(lambda x: x - 1e-9 * (np.signbit(x) & (x == 0))),
        "relevant dropped when left out": _asked(
            lambda a: a.but(relevant_QC=a.relevant_QC & ~a.left_out_QC)
        ),
        "left out ignored": _asked(
            lambda a: a.but(left_out_QC=a.left_out_QC & ~np.isfinite(a.scores_QC))
        ),
        "first relevant candidate only": _asked(_first_relevant),
        "last candidate lost": _asked(
            lambda a: a.but(left_out_QC=a.left_out_QC | (np.arange(a.scores_QC.shape[1]) == 11))
        ),
        "queries of one pool": _asked(
            lambda a: a.but(left_out_QC=np.broadcast_to(a.left_out_QC[:1], a.left_out_QC.shape))
        ),
        "grades ignored": _gains(lambda x: np.where(x > 0, 1, x)),
        "gains of 2 ** grade - 1": _gains(lambda x: 2**x - 1),
        "gains of another query": _gains(lambda x: x[::-1]),
        "gains rounded to whole numbers": _gains(lambda x: np.maximum(np.round(x), np.sign(x))),
        "a gain of 0 is 1": _gains(lambda x: np.where(x == 0, 1, x)),
        "a gain below 0 is its size": _gains(np.abs),
        "a gain of NaN is 1": _gains(lambda x: np.where(np.isnan(x), 1, x)),
        "ideal of the gains in their order": _changed("ndcg", _unsorted_ideal),
        "mean over queries": _band(lambda x: x * 0 + np.nanmean(x, axis=2, keepdims=True)),
        "queries in another order": _band(lambda x: x[:, :, ::-1]),
        "no relevant is 0": _nobody(0.0),
        "no relevant is 1": _nobody(1.0),
        "NaN is the lowest score": _scores(lambda x: np.nan_to_num(x, nan=-1e9)),
        "NaN is 0": _scores(lambda x: np.where(np.isnan(x), 0, x)),
        "metrics in float16": lambda asked, answer: answer(asked).astype(np.float16),
        "a metric lost": lambda asked, answer: answer(asked)[1:],
    }
)
"""All known bugs of retrieval metrics by name."""
