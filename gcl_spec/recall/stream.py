"""Ranks candidates whose scores come in chunks, so that no matrix of all scores is needed.

The scores of the relevant candidates are known first. Of all others only how many score higher than
each of them, or the same, is kept, and every metric follows from these counts. So the result is
exactly that of the whole matrix, however it is cut.
"""

from collections.abc import Sequence

import numpy as np
from array_api_compat import array_namespace, device

from gcl_spec._typing import Array, ArrayNamespace, IntArray
from gcl_spec.errors import InputError, InputTypeError
from gcl_spec.recall.chosen import (
    Chosen,
    NoRelevant,
    check_relevant,
    is_matrix,
    laid_out,
    layout,
    pairs_of,
)
from gcl_spec.recall.ranking import Ranking, widest
from gcl_spec.recall.screen import check_scores
from gcl_spec.recall.tally import Tally

__all__ = ["RankingStream"]


class RankingStream:
    """The ranking of candidates that come in chunks.

        stream = RankingStream(scores_P, pairs_P2, queries=Q)
        for scores_QC in chunks:  # of all queries with the next candidates
            stream.add(scores_QC)
        stream.ranking().hit(10)

    A relevant candidate's own place in a chunk is not looked at: its score is the one given first.
    To be tied with others it must be computed as theirs are.

    Args:
        scores_P: the score of each pair, (P,), real floating.
        relevant: pairs (query, candidate), (P, 2) integers, none twice. Candidates are counted from
            0 over all chunks.
        queries: the number of queries, Q.
        gains: the gain of each pair, (P,), which nDCG asks for; 1 when not given.
        left_out: pairs of candidates that do not compete for the query, (L, 2). A relevant
            candidate is never left out.
        no_relevant: what a query without a relevant candidate is: an "error", or "nan" in all its
            metrics.
        xp: the Array API namespace; found from the scores when not given.

    Raises:
        InputError: shapes that do not fit, numbers out of range, NaN or Inf, a gain that is
            not above 0, a query without a relevant candidate.
        InputTypeError: scores that are not real floating, pairs that are no integers.
    """

    def __init__(
        self,
        scores_P: Array,
        relevant: Chosen,
        *,
        queries: int,
        gains: Array | Sequence[float] | None = None,
        left_out: Chosen = (),
        no_relevant: NoRelevant = "error",
        xp: ArrayNamespace | None = None,
    ) -> None:
        self._xp = xp = array_namespace(scores_P) if xp is None else xp
        if is_matrix(relevant, xp) or is_matrix(left_out, xp):
            raise InputError("a stream wants pairs (query, candidate), (P, 2), not booleans")
        check_scores(scores_P, 1, "(P,), one a pair", xp)
        given_P2 = _pairs(relevant, queries, "relevant")
        pairs_P2 = np.unique(given_P2, axis=0)
        if not len(given_P2) == len(pairs_P2) == scores_P.shape[0]:
            raise InputError(
                f"relevant has {len(given_P2)} pairs, {len(pairs_P2)} of them different, and there "
                f"are {scores_P.shape[0]} scores; wanted one score a pair, and no pair twice"
            )
        check_relevant(pairs_P2, queries, no_relevant)
        flags_QR, there = layout(pairs_P2, queries).valid_QR, device(scores_P)
        references_QR, gains_QR = laid_out(scores_P, given_P2, flags_QR, "scores", xp), None
        if gains is not None:
            gains_P = xp.asarray(gains, dtype=widest(scores_P, xp), device=there)
            gains_QR = laid_out(gains_P, given_P2, flags_QR, "gains", xp)
        left_P2 = _pairs(left_out, queries, "left_out")
        excluded_P2 = np.unique(np.concatenate([pairs_P2, left_P2]), axis=0)
        valid_QR = xp.asarray(flags_QR, device=there)
        self._tally = Tally(references_QR, valid_QR, excluded_P2, xp, gains_QR)
        self._queries, self._dtype = queries, scores_P.dtype
        self._last = int(pairs_P2[:, 1].max(initial=-1))

    def add(self, scores_QC: Array, *, left_out: Array | None = None) -> None:
        """Count the next candidates.

        Args:
            scores_QC: the scores of all queries with the next C candidates, (Q, C), of the dtype of
                the first scores.
            left_out: further candidates that do not compete, booleans (Q, C).

        Raises:
            InputError: another shape or dtype, or NaN or Inf where a candidate competes.
            InputTypeError: scores that are not real floating.
        """
        xp = self._xp
        check_scores(scores_QC, 2, f"(Q, C) = ({self._queries}, C)", xp)
        if scores_QC.shape[0] != self._queries or scores_QC.dtype != self._dtype:
            raise InputError(
                f"a chunk has shape {tuple(scores_QC.shape)} and dtype {scores_QC.dtype}; wanted "
                f"({self._queries}, C) and {self._dtype}"
            )
        if left_out is not None and (
            not is_matrix(left_out, xp) or left_out.shape != scores_QC.shape
        ):
            raise InputError(
                f"left_out has shape {tuple(left_out.shape)}; wanted booleans of the chunk's "
                f"shape, {tuple(scores_QC.shape)}"
            )
        self._tally.add(scores_QC, left_out)

    def ranking(self) -> Ranking:
        """The ranking of the candidates of all chunks so far.

        Raises:
            InputError: a relevant candidate was in no chunk.
        """
        if self._last >= self._tally.candidates:
            raise InputError(
                f"candidate {self._last} is relevant, but only {self._tally.candidates} candidates "
                "were added"
            )
        return self._tally.ranking()


def _pairs(chosen: Chosen, queries: int, name: str) -> IntArray:
    pairs = pairs_of(chosen, queries, None, name, as_given=True)
    if pairs is None:
        raise InputTypeError(f"{name} is traced; in compiled code a stream wants constant pairs")
    return pairs
