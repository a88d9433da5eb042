"""Retrieval metrics of one query from their definitions, in loops over its candidates.

Every order of tied candidates is looked at, so it is slow on purpose, and only for few ties.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations, product
from math import fsum, isfinite, log2, nan

__all__ = ["band", "orders", "value"]


def band(
    name: str, scores: Sequence[float], relevant: Sequence[bool], left_out: Sequence[bool]
) -> tuple[float, float, float]:
    """The least value of a metric over all orders of tied candidates, the mean, and the largest.

    Args:
        name: "hit@K", "recall@K", "ndcg@K", "mrr" or "average precision".
        scores: the query's score with each candidate.
        relevant: whether each candidate is relevant.
        left_out: whether it does not compete; a relevant one always does.

    Returns:
        Three NaNs where no candidate is relevant, or a score of one that competes is not finite.
    """
    pool = [n for n in range(len(scores)) if relevant[n] or not left_out[n]]
    if not any(relevant) or not all(isfinite(scores[n]) for n in pool):
        return nan, nan, nan
    found = [value(name, order) for order in orders([(scores[n], bool(relevant[n])) for n in pool])]
    return min(found), fsum(found) / len(found), max(found)


def orders(pool: Sequence[tuple[float, bool]]) -> Iterator[list[bool]]:
    """For every order of tied candidates, which of the ranked ones are relevant, best first.

    Orders that differ only in which of the relevant ones is where are looked at once; there are
    equally many of them for each choice of places.

    Args:
        pool: the score of each candidate, and whether it is relevant.
    """
    choices = []
    for score in sorted({score for score, _ in pool}, reverse=True):
        tie = [relevant for other, relevant in pool if other == score]
        places = combinations(range(len(tie)), sum(tie))
        choices.append([[n in chosen for n in range(len(tie))] for chosen in places])
    for ties in product(*choices):
        yield [relevant for tie in ties for relevant in tie]


def value(name: str, ranked: Sequence[bool]) -> float:
    """A metric of one ranking.

    The definitions are those of trec_eval (https://github.com/usnistgov/trec_eval): recall divides
    by all relevant candidates, and nDCG's ideal ranking has all of them on top.

    Args:
        name: as in `band`.
        ranked: whether each candidate is relevant, best first.
    """
    kind, _, depth = name.partition("@")
    k = int(depth) if depth else len(ranked)
    ranks = [rank for rank, relevant in enumerate(ranked, start=1) if relevant]
    within = [rank for rank in ranks if rank <= k]
    if kind == "hit":
        return 1.0 if within else 0.0
    if kind == "recall":
        return len(within) / len(ranks)
    if kind == "ndcg":
        gain = sum(1 / log2(rank + 1) for rank in within)
        return gain / sum(1 / log2(n + 2) for n in range(min(k, len(ranks))))
    if kind == "mrr":
        return 1 / ranks[0]
    if kind == "average precision":
        return sum(n / rank for n, rank in enumerate(ranks, start=1)) / len(ranks)
    raise ValueError(f"no metric {name!r}")
