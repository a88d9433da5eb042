"""The best candidates of a block of queries so far, and how many tie with the last of them."""

import numpy as np

from gcl_spec._typing import FloatArray, IntArray

__all__ = ["Best"]

_NO_ID = np.iinfo(np.int64).max


class Best:
    """The K best candidates of Q queries; candidates are offered in any order, each once.

    Offers wait until they are as many as the results, because then sorting them costs little. A
    query's `floor` is therefore that of the last sorting.

    Args:
        queries: the number Q.
        k: the number K of candidates to keep.
    """

    def __init__(self, queries: int, k: int) -> None:
        self.scores_QK = np.full((queries, k), -np.inf)
        self.ids_QK = np.full((queries, k), _NO_ID, np.int64)
        self.cut_Q = np.zeros(queries, np.int64)
        """For each query the candidates left out whose score is that of the last one kept."""
        self._offers: list[tuple[IntArray, FloatArray, IntArray]] = []
        self._waiting = 0

    @property
    def floor(self) -> FloatArray:
        """The K-th best score of each query, (Q,); -inf until there are K candidates."""
        return self.scores_QK[:, -1]

    def offer(self, query_N: IntArray, score_N: FloatArray, id_N: IntArray) -> None:
        """Take N candidates: their queries, scores and ids, (N,) each.

        Those that only tie with the last one kept, and have a higher id, are counted and dropped: a
        space in which all are equal would fill the memory with them.
        """
        floor_N, last_N = self.floor[query_N], self.ids_QK[query_N, -1]
        tied_N = (score_N == floor_N) & (id_N > last_N)
        self.cut_Q += np.bincount(query_N[tied_N], minlength=len(self.cut_Q))
        better_N = (score_N > floor_N) | ((score_N == floor_N) & (id_N < last_N))
        if better_N.any():
            self._offers.append((query_N[better_N], score_N[better_N], id_N[better_N]))
            self._waiting += int(np.count_nonzero(better_N))
        if self._waiting >= self.ids_QK.size or not np.isfinite(self.floor).all():
            self.settle()

    def settle(self) -> None:
        """Sort what was offered into the results."""
        if not self._offers:
            return
        query_N, score_N, id_N = (np.concatenate(x) for x in zip(*self._offers, strict=True))
        self._offers, self._waiting = [], 0
        changed = np.unique(query_N)
        k, before = self.ids_QK.shape[1], self.floor[changed]
        query_N = np.concatenate([np.repeat(changed, k), query_N])
        score_N = np.concatenate([self.scores_QK[changed].ravel(), score_N])
        id_N = np.concatenate([self.ids_QK[changed].ravel(), id_N])
        order = np.lexsort((id_N, -score_N, query_N))
        query_N, score_N, id_N = query_N[order], score_N[order], id_N[order]
        start = np.searchsorted(query_N, changed)
        kept = start[:, None] + np.arange(k)
        self.scores_QK[changed], self.ids_QK[changed] = score_N[kept], id_N[kept]
        floor = self.floor
        self.cut_Q[changed] *= floor[changed] == before
        left_N = np.ones(len(query_N), bool)
        left_N[kept.ravel()] = False
        left_N &= (score_N == floor[query_N]) & (id_N != _NO_ID)
        self.cut_Q += np.bincount(query_N[left_N], minlength=len(self.cut_Q))
