"""Retrieval metrics of one query from their definitions, in loops over its candidates.

Every order of tied candidates is looked at, so it is slow on purpose, and only for few ties.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from math import fsum, isfinite, log2, nan

__all__ = ["band", "orders", "value"]


def band(
    name: str,
    scores: Sequence[float],
    relevant: Sequence[bool],
    left_out: Sequence[bool],
    gains: Sequence[float] | None = None,
) -> tuple[float, float, float]:
    """The least value of a metric over all orders of tied candidates, the mean, and the largest.

    Args:
        name: "hit@K", "recall@K", "ndcg@K", "mrr" or "average precision".
        scores: the query's score with each candidate.
        relevant: whether each candidate is relevant.
        left_out: whether it does not compete; a relevant one always does.
        gains: the gain of each candidate that is relevant; all are 1 when not given.

    Returns:
        Three NaNs where no candidate is relevant, a score of one that competes is not finite, or a
        relevant one's gain is not a finite number above 0.
    """
    pool = [n for n in range(len(scores)) if relevant[n] or not left_out[n]]
    if not any(relevant) or not all(isfinite(scores[n]) for n in pool):
        return nan, nan, nan
    worth = [
        (1.0 if gains is None else gains[n]) if relevant[n] else 0.0 for n in range(len(scores))
    ]
    if not all(isfinite(worth[n]) and worth[n] > 0 for n in pool if relevant[n]):
        return nan, nan, nan
    values = [value(name, order) for order in orders([(scores[n], worth[n]) for n in pool])]
    return min(values), fsum(values) / len(values), max(values)


def orders(pool: Sequence[tuple[float, float]]) -> Iterator[list[float]]:
    """For every order of tied candidates, the gains of the ranked ones, best score first.

    Orders that differ only in which of the candidates of one gain is where are looked at once;
    there are equally many of them for each choice of places.

    Args:
        pool: the score of each candidate, and its gain, 0 where it is not relevant.
    """
    scores = sorted({score for score, _ in pool}, reverse=True)
    ties = [[gain for other, gain in pool if other == score] for score in scores]
    for arranged in product(*map(_arrangements, ties)):
        yield [gain for tie in arranged for gain in tie]


def _arrangements(gains: Sequence[float]) -> Iterator[list[float]]:
    """Every different order of some gains, each once."""
    if not gains:
        yield []
    for first in sorted(set(gains)):
        rest = list(gains)
        rest.remove(first)
        for others in _arrangements(rest):
            yield [first, *others]


def value(name: str, ranked: Sequence[float]) -> float:
    """A metric of one ranking.

    The definitions are those of trec_eval (https://github.com/usnistgov/trec_eval): recall divides
    by all relevant candidates, nDCG's gains are linear, and its ideal ranking has all relevant
    candidates on top, that of the largest gain first.

    Args:
        name: as in `band`.
        ranked: the gain of each candidate, 0 where it is not relevant, best score first.

    Raises:
        ValueError: there is no such metric.
    """
    kind, _, depth = name.partition("@")
    k = int(depth) if depth else len(ranked)
    ranks = [rank for rank, gain in enumerate(ranked, start=1) if gain > 0]
    within = [rank for rank in ranks if rank <= k]
    if kind == "hit":
        return 1.0 if within else 0.0
    if kind == "recall":
        return len(within) / len(ranks)
    if kind == "ndcg":
        return _dcg(ranked[:k]) / _dcg(sorted(ranked, reverse=True)[:k])
    if kind == "mrr":
        return 1 / ranks[0]
    if kind == "average precision":
        return sum(n / rank for n, rank in enumerate(ranks, start=1)) / len(ranks)
    raise ValueError(f"no metric {name!r}")


def _dcg(gains: Sequence[float]) -> float:
    """The sum of gain / log2(rank + 1) (Järvelin and Kekäläinen, 2002)."""
    return sum(gain / log2(rank + 1) for rank, gain in enumerate(gains, start=1))
