"""Where each query's relevant candidates stand in its ranking, and the metrics of that."""

from dataclasses import dataclass
from typing import NamedTuple

from array_api_compat import device

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.errors import InputError
from gcl_spec.recall.ties import (
    discount_tables,
    dtype_name,
    ideal,
    mean_precisions,
    mean_reciprocal,
    missed,
    table_values,
)

__all__ = ["Band", "Ranking", "best_first", "widest"]


class Band(NamedTuple):
    """The values that a metric takes over all orders of tied candidates.

    pessimistic, expected, optimistic: the least one, the mean and the largest, shape (Q,) each.
    """

    pessimistic: Array
    expected: Array
    optimistic: Array


def widest(like: Array, xp: ArrayNamespace) -> object:
    """The dtype that metrics have: float64, or float32 where a framework has no wider one.

    Args:
        like: any shape; its device counts.
        xp: the Array API namespace.
    """
    info = xp.__array_namespace_info__()
    known = info.dtypes(device=device(like), kind="real floating")
    return known.get("float64", xp.float32)


def best_first(scores_QR: Array, gains_QR: Array | None, xp: ArrayNamespace) -> Array:
    """The order of candidates by falling score, those of one score by falling gain, (Q, R).

    Args:
        scores_QR: shape (Q, R), without NaN.
        gains_QR: shape (Q, R); None where all are equal.
        xp: the Array API namespace.
    """
    if gains_QR is None:
        return xp.argsort(-scores_QR, axis=1)
    order_QR = xp.argsort(-gains_QR, axis=1)
    sorted_QR = xp.take_along_axis(scores_QR, order_QR, axis=1)
    # NumPy's own function is not stable unless it is told to be.
    then_QR = xp.argsort(-sorted_QR, axis=1, stable=True)
    return xp.take_along_axis(order_QR, then_QR, axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """The relevant candidates of every query in the order of `best_first`.

    A query is unknown where compiled code of JAX met NaN or no relevant candidate, or where
    `no_relevant="nan"` was asked for: all its metrics are NaN.

    Args:
        ahead_QR: how many candidates score higher than this one, integers, (Q, R).
        size_QR: how many have its score, itself among them, (Q, R).
        relevant_ahead_QR: how many relevant ones score higher, (Q, R).
        relevant_QR: how many relevant ones have its score, (Q, R).
        gains_QR: what it is worth to find this one, above 0, (Q, R); only nDCG asks for it.
        valid_QR: whether the query has so many relevant candidates, (Q, R).
        known_Q: whether the query has metrics, (Q,).
        candidates: the number of candidates of the largest pool.
        xp: the Array API namespace.
    """

    ahead_QR: Array
    size_QR: Array
    relevant_ahead_QR: Array
    relevant_QR: Array
    gains_QR: Array
    valid_QR: Array
    known_Q: Array
    candidates: int
    xp: ArrayNamespace

    def hit(self, k: int) -> Band:
        """hit@k: 1 where any relevant candidate is among the first k, else 0, (Q,).

        Raises:
            InputError: k is no integer of at least 1.
        """
        k, xp = checked_k(k), self.xp
        ahead_Q, size_Q, relevant_Q = self._first()
        low, high = (
            self._real(xp.any(self.valid_QR & (ranks_QR <= k), axis=1))
            for ranks_QR in self._ranks()
        )
        lost_Q = missed(ahead_Q, size_Q, relevant_Q, k, self.valid_QR.shape[1], xp)
        return self._band(low, 1.0 - lost_Q, high)

    def recall(self, k: int) -> Band:
        """recall@k: the share of the relevant candidates that is among the first k, (Q,).

        Raises:
            InputError: k is no integer of at least 1.
        """
        k, xp = checked_k(k), self.xp
        low, high = (self._mean(self._real(ranks_QR <= k)) for ranks_QR in self._ranks())
        size_QR = self._real(self.size_QR)
        places_QR = xp.clip(float(k) - self._real(self.ahead_QR), 0.0, None)
        return self._band(low, self._mean(xp.minimum(places_QR, size_QR) / size_QR), high)

    def ndcg(self, k: int) -> Band:
        """nDCG@k, the sum of gain / log2(rank + 1) over relevant candidates, by its largest value.

        The source is Järvelin and Kekäläinen (2002), as trec_eval computes it: gains are linear, 1
        where none are given. The largest value is that of all relevant candidates on top, those of
        the largest gains first, also of those that no ranking returned.

        Returns:
            A band of (Q,) values.

        Raises:
            InputError: k is no integer of at least 1.
        """
        xp, k = self.xp, min(checked_k(k), self.candidates)
        gains_QR = self.gains_QR
        tables = discount_tables(k, dtype_name(gains_QR))

        def at(table: int, ranks: Array) -> Array:
            return table_values(tables[table], xp.clip(ranks, 0, k + (table == 0)), ranks, xp)

        _, first_QR = self._ranks()
        # The largest gain of a tie comes first at best, and at the same distance from its end last.
        last_QR = 2 * self.ahead_QR + self.size_QR + 1 - first_QR
        low, high = (self._sum(gains_QR * at(0, ranks)) for ranks in (last_QR, first_QR))
        ends = self.ahead_QR, self.ahead_QR + self.size_QR
        (first, last), (rest, more) = ([at(t, end_QR) for end_QR in ends] for t in (1, 2))
        tied = ((last - first) + (more - rest)) / self._real(self.size_QR)
        alone = at(0, self.ahead_QR + 1)
        mean = self._sum(gains_QR * xp.where(self.size_QR == 1, alone, tied))
        best_Q = ideal(xp.where(self.valid_QR, gains_QR, 0.0), k, xp)
        best_Q = xp.where(best_Q > 0, best_Q, 1.0)
        return self._band(low / best_Q, mean / best_Q, high / best_Q)

    @property
    def mrr(self) -> Band:
        """The reciprocal rank, 1 / rank of the first relevant candidate, (Q,)."""
        ahead_Q, size_Q, relevant_Q = self._first()
        mean_Q = mean_reciprocal(ahead_Q, size_Q, relevant_Q, self.candidates, self.xp)
        return self._band(1 / (ahead_Q + size_Q - relevant_Q + 1), mean_Q, 1 / (ahead_Q + 1))

    @property
    def average_precision(self) -> Band:
        """The mean over relevant candidates of the precision at their ranks, (Q,).

        It is the share of relevant candidates among those down to that rank; a mean over queries is
        called MAP (Buckley and Voorhees, SIGIR 2000).
        """
        xp = self.xp
        like = self._real(self.ahead_QR)
        place_QR = self._real(self._places())
        low, high = (self._mean(place_QR / self._real(ranks_QR)) for ranks_QR in self._ranks())
        size_QR, ahead_QR, relevant_QR = map(
            self._real, (self.size_QR, self.relevant_ahead_QR, self.relevant_QR)
        )
        mean_QR = mean_precisions(like, size_QR, ahead_QR, relevant_QR, xp)
        return self._band(low, self._mean(mean_QR), high)

    def metric(self, name: str) -> Band:
        """The metric of a name: "hit@10", "recall@10", "ndcg@10", "mrr", "average precision".

        Returns:
            A band of (Q,) values.

        Raises:
            InputError: there is no such metric, or k is not at least 1.
        """
        kind, at, k = name.partition("@")
        if not at and kind in ("mrr", "average precision"):
            band: Band = getattr(self, kind.replace(" ", "_"))
            return band
        if kind not in ("hit", "recall", "ndcg") or not k.isdecimal():
            raise InputError(
                f"no metric {name!r}; there are hit@K, recall@K, ndcg@K, mrr, average precision"
            )
        of_k: Band = getattr(self, kind)(int(k))
        return of_k

    def _ranks(self) -> tuple[Array, Array]:
        """The ranks, (Q, R), where relevant candidates come last in their tie, and first."""
        xp = self.xp
        one = xp.ones_like(self.ahead_QR)
        first_QR = self.ahead_QR + self._places() - self.relevant_ahead_QR
        last_QR = first_QR + self.size_QR - self.relevant_QR
        # A place that holds no relevant candidate gets the rank 1.
        return tuple(xp.where(self.valid_QR, x, one) for x in (last_QR, first_QR))

    def _first(self) -> tuple[Array, Array, Array]:
        """The tie of the best relevant candidate: ahead, size, relevant, (Q,) each, floating."""
        xp = self.xp
        best_Q1 = xp.argmax(self._integer(self.valid_QR), axis=1, keepdims=True)
        tie = (self.ahead_QR, self.size_QR, self.relevant_QR)
        ahead, size, relevant = (xp.take_along_axis(x, best_Q1, axis=1)[:, 0] for x in tie)
        return self._real(ahead), self._real(size), self._real(relevant)

    def _places(self) -> Array:
        """The places of relevant candidates among all relevant ones, from 1 on, (Q, R)."""
        return self.xp.cumulative_sum(self._integer(self.valid_QR), axis=1)

    def _integer(self, flags: Array) -> Array:
        return self.xp.astype(flags, self.ahead_QR.dtype)

    def _real(self, x: Array) -> Array:
        return self.xp.astype(x, widest(x, self.xp))

    def _sum(self, values_QR: Array) -> Array:
        return self.xp.sum(self.xp.where(self.valid_QR, values_QR, 0.0), axis=1)

    def _mean(self, values_QR: Array) -> Array:
        return self._sum(values_QR) / self.xp.clip(self._sum(self._real(self.valid_QR)), 1.0, None)

    def _band(self, low_Q: Array, mean_Q: Array, high_Q: Array) -> Band:
        """The band in its order, which rounding may have disturbed; NaN for unknown queries."""
        xp = self.xp
        low_Q = xp.minimum(low_Q, high_Q)
        mean_Q = xp.minimum(xp.maximum(mean_Q, low_Q), high_Q)
        return Band(*(xp.where(self.known_Q, x, xp.nan) for x in (low_Q, mean_Q, high_Q)))


def checked_k(k: int) -> int:
    """The same k, which must be an integer of at least 1.

    Raises:
        InputError: it is not.
    """
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise InputError(f"k is {k!r}; wanted an integer of at least 1")
    return k
