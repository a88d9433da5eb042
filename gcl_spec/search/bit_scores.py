"""The scores of candidates of one bit a number: by Hamming distance, and with a second look.

The second look is that of Yamada et al., "Efficient Passage Retrieval with Hashing for Open-domain
Question Answering" (ACL 2021, arXiv 2106.00882, section 3.2): a query in floating point orders the
first candidates again, by its inner products with their bits as 1 and -1, or with better rows.
"""

import numpy as np

from gcl_spec._typing import AnyArray, BoolArray, FloatArray, IntArray
from gcl_spec.errors import InputError
from gcl_spec.search.bits import from_bits, hamming
from gcl_spec.search.exact import candidate_slices
from gcl_spec.search.scores import InnerProducts, PairsAndChunks, Scores

__all__ = ["HammingScores", "RescoredScores"]


class HammingScores:
    """The share of equal bits less that of others, 1 - 2 h / D for the Hamming distance h.

    It is the inner product of rows of 1 and -1, divided by D.

    Args:
        queries_QE, candidates_CE: what `gcl_spec.search.bits.to_bits` gave of both, (Q, E) and
            (C, E).
        width: the number of bits, D, without those that fill up the last byte.
    """

    whole = False

    def __init__(self, queries_QE: AnyArray, candidates_CE: AnyArray, width: int) -> None:
        self._queries_QE, self._candidates_CE, self._width = queries_QE, candidates_CE, width

    def __len__(self) -> int:
        """The number of candidates."""
        return len(self._candidates_CE)

    def of(self, part: slice, pairs_P2: IntArray, left_out: IntArray | BoolArray) -> PairsAndChunks:
        """The scores of a slice of the queries, as `gcl_spec.search.scores.Scores.of` says.

        Args:
            part: which queries.
            pairs_P2: shape (P, 2).
            left_out: shape (L, 2) or (Q, C), not looked at.
        """
        queries_QE, rows_CE = self._queries_QE[part], self._candidates_CE
        differing_PE = queries_QE[pairs_P2[:, 0]] ^ rows_CE[pairs_P2[:, 1]]
        scores_P = self._score(np.bitwise_count(differing_PE).sum(axis=1, dtype=np.int64))
        slices = candidate_slices(len(rows_CE), len(queries_QE), 8 * rows_CE.shape[1])
        return scores_P, ((n, self._score(hamming(queries_QE, rows_CE[n]))) for n in slices)

    def _score(self, distance: IntArray) -> FloatArray:
        """The scores of distances, in their shape."""
        return np.asarray(1 - 2 * distance / self._width)


class RescoredScores:
    """The scores of the nearest candidates by Hamming distance, above which no other one comes.

    The others keep the order of their distances, below all that are scored. Candidates that are as
    far as the last of the nearest are among them, so that no tie is cut and no order of candidates
    matters; `looked_at_Q` says how many they are. What does not compete is none of them.

    Args:
        queries_QD: shape (Q, D).
        queries_QE: the bits of the same queries, (Q, E).
        candidates_CE: the bits of candidates, (C, E).
        rows_CD: what queries are multiplied with, (C, D); the bits as 1 and -1, divided by the root
            of D, where none are given.
        most: how many are looked at again, at least 1.

    Raises:
        InputError: it is fewer.
    """

    whole = True

    def __init__(
        self,
        queries_QD: FloatArray,
        queries_QE: AnyArray,
        candidates_CE: AnyArray,
        rows_CD: FloatArray | None = None,
        *,
        most: int,
    ) -> None:
        if most < 1:
            raise InputError(f"{most} candidates are to be looked at again; wanted 1 or more")
        width = queries_QD.shape[1]
        if rows_CD is None:
            rows_CD = from_bits(candidates_CE, width) / np.float32(np.sqrt(width))
        self._near = HammingScores(queries_QE, candidates_CE, width)
        self._products = InnerProducts(queries_QD, rows_CD)
        self._most = most
        self.looked_at_Q: IntArray = np.zeros(len(queries_QD), np.int64)
        """How many candidates of each query, (Q,), were looked at, once it was asked for."""

    def __len__(self) -> int:
        """The number of candidates."""
        return len(self._near)

    def of(self, part: slice, pairs_P2: IntArray, left_out: IntArray | BoolArray) -> PairsAndChunks:
        """The scores of a slice of the queries, as `gcl_spec.search.scores.Scores.of` says.

        Args:
            part: which queries.
            pairs_P2: shape (P, 2).
            left_out: shape (L, 2) or (Q, C).
        """
        near_QC, scores_QC = _every(self._near, part), _every(self._products, part)
        out_QC = left_out if left_out.dtype == bool else np.zeros(near_QC.shape, bool)
        if left_out.dtype != bool:
            out_QC[tuple(left_out.T)] = True
        held_QC = np.where(out_QC, -np.inf, near_QC)
        place = len(self) - min(self._most, len(self))
        last_Q1 = np.partition(held_QC, place, axis=1)[:, place, None]
        first_QC = (held_QC >= last_Q1) & ~out_QC
        self.looked_at_Q[part] = first_QC.sum(axis=1)
        # Whole numbers below the worst product, so that no two shares of bits become equal.
        below_Q1 = 2 + np.ceil(np.abs(np.where(first_QC, scores_QC, 0)).max(axis=1, keepdims=True))
        scores_QC = np.where(first_QC, scores_QC, near_QC - below_Q1)
        return scores_QC[tuple(pairs_P2.T)], iter([(slice(0, len(self)), scores_QC)])


_NO_PAIRS: IntArray = np.zeros((0, 2), np.int64)


def _every(scores: Scores, part: slice) -> FloatArray:
    """The scores of a slice of the queries with all candidates, (Q, C)."""
    return np.concatenate([x for _, x in scores.of(part, _NO_PAIRS, _NO_PAIRS)[1]], axis=1)
