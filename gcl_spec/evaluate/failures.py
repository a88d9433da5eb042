"""What a model gets wrong: the queries it fails worst, and the modalities that it prefers wrongly.

A space with a modality gap fails in one way: candidates of the query's own modality stand before
right ones of another (arXiv 2509.25638, figure 1). Recall counts such failures; here they are seen.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gcl_spec._typing import BoolArray, FloatArray
from gcl_spec.evaluate.trec_folder import Seen
from gcl_spec.tasks.task import Item

__all__ = ["Failure", "Failures", "Preferred"]

_A_KIND = 2
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Failure:
    """A query whose best relevant candidate stands far behind.

    kind: the kind of search. rank: the place of `right`, from 1, behind all that tie with it.
    right: the best relevant candidate. found: the candidates in the first places. relevant: whether
    each of them is.
    """

    kind: str
    query: Item
    right: Item
    rank: int
    candidates: int
    found: tuple[Item, ...]
    relevant: tuple[bool, ...]


class Preferred(NamedTuple):
    """How many queries of a kind have something to find, and what modality stood first wrongly."""

    queries: int
    wrong: Mapping[str, int]


class Failures:
    """Collects failures in the global pool from what an evaluation shows (`evaluate(watch=...)`).

    Args:
        a_kind: how many queries of each kind are kept, the worst ones.
    """

    def __init__(self, a_kind: int = _A_KIND) -> None:
        self._a_kind = a_kind
        self._worst: dict[str, list[Failure]] = {}
        self._queries: Counter[str] = Counter()
        self._wrong: dict[str, Counter[str]] = {}

    def __call__(self, seen: Seen) -> None:
        """Look at some queries of a task."""
        if seen.pool != "global":
            return
        relevant_QC = seen.relevant()
        scores_QC = np.where(seen.competing(), seen.scores_QC, -np.inf)
        kind, queries = seen.task.kind, seen.task.queries[seen.part]
        ranks_Q, firsts_Q = _places(scores_QC, relevant_QC)
        self._queries[kind] += int(np.count_nonzero(ranks_Q))
        wrong = self._wrong.setdefault(kind, Counter())
        for n in np.flatnonzero(ranks_Q > 1).tolist():
            wrong[seen.candidates[firsts_Q[n]].modality] += 1
        for n in np.argsort(-ranks_Q, kind="stable")[: self._a_kind].tolist():
            if (rank := int(ranks_Q[n])) > 1:
                self._keep(_failure(seen, queries[n], scores_QC[n], relevant_QC[n], rank))

    def worst(self) -> list[Failure]:
        """The worst failures of each kind, kinds in the order in which they were evaluated."""
        return [failure for failures in self._worst.values() for failure in failures]

    def preferred(self) -> dict[str, Preferred]:
        """The modalities that stood first where nothing relevant did, by kind of search."""
        return {k: Preferred(n, dict(self._wrong[k])) for k, n in self._queries.items() if n}

    def _keep(self, failure: Failure) -> None:
        kept = [*self._worst.get(failure.kind, ()), failure]
        kept.sort(key=lambda x: -x.rank / x.candidates)
        self._worst[failure.kind] = kept[: self._a_kind]


def _places(scores_QC: FloatArray, relevant_QC: BoolArray) -> tuple[FloatArray, FloatArray]:
    """The rank of each query's best relevant candidate, 0 without one, and the wrong first one.

    Args:
        scores_QC: shape (Q, C), -inf for what does not compete.
        relevant_QC: shape (Q, C).
    """
    best_Q1 = np.where(relevant_QC, scores_QC, -np.inf).max(axis=1, keepdims=True)
    wrong_QC = np.where(relevant_QC, -np.inf, scores_QC)
    ranks_Q = 1 + (wrong_QC >= best_Q1).sum(axis=1)
    ranks_Q[~relevant_QC.any(axis=1)] = 0
    return ranks_Q, wrong_QC.argmax(axis=1)


def _failure(
    seen: Seen, query: Item, scores_C: FloatArray, relevant_C: BoolArray, rank: int
) -> Failure:
    # Ties: what is wrong comes first, as in `rank`.
    order = np.lexsort((relevant_C, -scores_C))
    right = int(np.where(relevant_C, scores_C, -np.inf).argmax())
    first = [n for n in order[:_SHOWN].tolist() if scores_C[n] > -np.inf]
    return Failure(
        kind=seen.task.kind,
        query=query,
        right=seen.candidates[right],
        rank=rank,
        candidates=int(np.isfinite(scores_C).sum()),
        found=tuple(seen.candidates[n] for n in first),
        relevant=tuple(relevant_C[first].tolist()),
    )
