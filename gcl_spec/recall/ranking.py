"""Retrieval metrics of one query, with a stated rule for ties.

Candidates of equal score have no order. Each metric is therefore a band: *pessimistic* (within a
tie, relevant candidates come last), *expected* (the mean over all orders of the tie, in closed
form: McSherry and Najork, ECIR 2008), *optimistic* (they come first). The expected value is the
one to report; a wide band says that the model does not tell candidates apart.

hit@K is what CLIP, UniIR and the GCL paper call Recall@K; recall@K is what information retrieval
calls recall.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import comb, log2
from typing import NamedTuple

import numpy as np

from gcl_spec._typing import BoolArray, FloatArray
from gcl_spec.errors import InputError

__all__ = ["Band", "Ranking"]


class Band(NamedTuple):
    """The values that a metric takes over all orders of tied candidates."""

    pessimistic: float
    expected: float
    optimistic: float


@dataclass(frozen=True)
class Ranking:
    """The candidates of one query in groups of equal score, best first.

    sizes: the number of candidates of each group. relevant: how many of them are relevant.
    total_relevant: the relevant candidates of all groups, also of those that are left out at the
    end. depth: the rank to which the groups reach.
    """

    sizes: tuple[int, ...]
    relevant: tuple[int, ...]
    total_relevant: int
    depth: int

    @classmethod
    def of(cls, scores_C: FloatArray, relevant_C: BoolArray, *, depth: int) -> "Ranking":
        """The groups down to rank `depth`, or to the first relevant candidate where that is lower.

        Args:
            scores_C: the query's score with each candidate, shape (C,).
            relevant_C: is the candidate relevant? Shape (C,).
            depth: the lowest rank that a metric will ask for.

        Raises:
            InputError: NaN or Inf among the scores, or no relevant candidate.

        >>> Ranking.of(np.asarray([.5, .9, .5]), np.asarray([True, False, False]), depth=3)
        Ranking(sizes=(1, 2), relevant=(0, 1), total_relevant=1, depth=3)
        """
        if not np.all(np.isfinite(scores_C)):
            place = int(np.flatnonzero(~np.isfinite(scores_C))[0])
            raise InputError(f"the score of candidate {place} is {scores_C[place]}")
        total = int(relevant_C.sum())
        if total == 0:
            raise InputError("no candidate is relevant, so there is nothing to find")
        threshold = scores_C[relevant_C].max()
        if depth < len(scores_C):
            threshold = min(threshold, np.partition(scores_C, -depth)[-depth])
        else:
            threshold = scores_C.min()
        kept = scores_C >= threshold
        _, group = np.unique(-scores_C[kept], return_inverse=True)
        sizes = np.bincount(group)
        relevant = np.bincount(group[relevant_C[kept]], minlength=len(sizes))
        return cls(tuple(sizes.tolist()), tuple(relevant.tolist()), total, depth)

    def hit(self, k: int) -> Band:
        """hit@k: 1 where any relevant candidate is among the first k, else 0.

        Within a tie of n candidates, r of them relevant, of which s are among the first k, all
        relevant ones are missed with the probability C(n - r, s) / C(n, s) (McSherry and Najork,
        2008).

        >>> Ranking((1, 2), (0, 1), 1, depth=3).hit(2)
        Band(pessimistic=0.0, expected=0.5, optimistic=1.0)
        """
        missed, sure, possible = 1.0, False, False
        for size, relevant, slots in self._within(k):
            missed *= comb(size - relevant, slots) / comb(size, slots)
            sure |= slots > size - relevant
            possible |= relevant > 0
        return _band(float(sure), 1.0 - missed, float(possible))

    def recall(self, k: int) -> Band:
        """recall@k: the share of the relevant candidates that is among the first k."""
        low = mean = high = 0.0
        for size, relevant, slots in self._within(k):
            low += max(0, slots - (size - relevant))
            mean += slots * relevant / size
            high += min(slots, relevant)
        total = self.total_relevant
        return _band(low / total, mean / total, high / total)

    def ndcg(self, k: int) -> Band:
        """nDCG@k, the sum of 1 / log2(rank + 1) over relevant candidates, by its largest value.

        The source is Järvelin and Kekäläinen (2002), with gains of 0 and 1.
        """
        low = mean = high = 0.0
        start = 0
        for size, relevant, slots in self._within(k):
            discounts = _discounts(start, slots)
            mean += sum(discounts) * relevant / size
            high += sum(discounts[:relevant])
            low += sum(discounts[size - relevant :])
            start += size
        ideal = sum(_discounts(0, min(k, self.total_relevant)))
        return _band(low / ideal, mean / ideal, high / ideal)

    @cached_property
    def mrr(self) -> Band:
        """The reciprocal rank, 1 / rank of the first relevant candidate.

        Raises:
            InputError: no candidate is relevant.

        >>> Ranking((1, 2), (0, 1), 1, depth=3).mrr.expected  # rank 2 or 3
        0.41666666666666663
        """
        start = 0
        for size, relevant in zip(self.sizes, self.relevant, strict=True):
            if relevant:
                last = size - relevant + 1
                orders = comb(size, relevant)
                mean = sum(
                    comb(size - x, relevant - 1) / orders / (start + x) for x in range(1, last + 1)
                )
                return _band(1 / (start + last), mean, 1 / (start + 1))
            start += size
        raise InputError("the ranking holds no relevant candidate")

    def _within(self, k: int) -> list[tuple[int, int, int]]:
        """Size, relevant candidates, and ranks up to k, of every group that begins by rank k."""
        if k > self.depth:
            raise InputError(f"a ranking of depth {self.depth} does not know its first {k}")
        found = []
        start = 0
        for size, relevant in zip(self.sizes, self.relevant, strict=True):
            if start >= k:
                break
            found.append((size, relevant, min(size, k - start)))
            start += size
        return found


def _band(low: float, mean: float, high: float) -> Band:
    # Rounding may push the closed forms out of the band.
    return Band(low, min(max(mean, low), high), high)


def _discounts(start: int, count: int) -> Sequence[float]:
    return [1 / log2(rank + 1) for rank in range(start + 1, start + count + 1)]
