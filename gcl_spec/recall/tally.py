"""Counts, for every relevant candidate, those that beat it; the ranking follows from the counts."""

from math import inf

from array_api_compat import device

from gcl_spec._typing import Array, ArrayNamespace, IntArray
from gcl_spec.errors import InputError
from gcl_spec.recall.chosen import Layout, layout
from gcl_spec.recall.counts import count, count_but
from gcl_spec.recall.ranking import Ranking, best_first, widest
from gcl_spec.recall.screen import first_true, screened, wrong_gains

__all__ = ["Tally"]


class Tally:
    """The counts of the candidates that were seen so far.

    Args:
        references_QR: the scores of the relevant candidates, (Q, R), -inf where there is none.
        valid_QR: whether there is one, (Q, R).
        excluded_P2: pairs (query, candidate) that are not counted, (P, 2), in order of queries.
        xp: the Array API namespace.
        gains_QR: the gains of the relevant candidates, (Q, R); 1 when not given.

    Raises:
        InputError: a score of a relevant candidate is NaN or Inf, or a gain is not above 0.
    """

    def __init__(
        self,
        references_QR: Array,
        valid_QR: Array,
        excluded_P2: IntArray,
        xp: ArrayNamespace,
        gains_QR: Array | None = None,
    ) -> None:
        self.candidates = 0
        self._xp, self._valid_QR = xp, valid_QR
        wrong_QR = ~xp.isfinite(references_QR) & valid_QR
        self._known_Q = xp.any(valid_QR, axis=1) & ~xp.any(wrong_QR, axis=1)
        if first := first_true(wrong_QR, xp):
            query, place = first
            raise InputError(
                f"the score of a relevant candidate of query {query} is "
                f"{float(references_QR[query, place])}"
            )
        self._gains_QR = gains_QR
        if gains_QR is not None:
            lost_QR, self._gains_QR = wrong_gains(gains_QR, valid_QR, xp)
            self._known_Q = self._known_Q & ~xp.any(lost_QR, axis=1)
        self._references_QR = xp.where(valid_QR & ~wrong_QR, references_QR, -inf)
        self._excluded_P2 = excluded_P2
        self._excluded: Layout | None = None
        if len(excluded_P2):
            self._excluded = layout(excluded_P2, references_QR.shape[0]).on(
                xp, device(references_QR)
            )
        self._counts: tuple[Array, Array] | None = None

    def add(self, scores_QC: Array, spared_QC: Array | None = None) -> None:
        """Count the next candidates.

        Args:
            scores_QC: their scores, (Q, C).
            spared_QC: booleans, (Q, C): these are not counted, whatever their score.

        Raises:
            InputError: the score of a candidate that is counted is NaN or Inf.
        """
        xp, start = self._xp, self.candidates
        scores_QC, wrong_Q = screened(scores_QC, spared_QC, self._excluded_P2, xp, start=start)
        if wrong_Q is not None:
            self._known_Q = self._known_Q & ~wrong_Q
        counts = count_but(self._references_QR, scores_QC, self._excluded, xp, start=start)
        before = self._counts or (0, 0)
        self._counts = (before[0] + counts[0], before[1] + counts[1])
        self.candidates += scores_QC.shape[1]

    def ranking(self) -> Ranking:
        """The ranking of all candidates that were seen."""
        xp, valid_QR = self._xp, self._valid_QR
        order_QR = best_first(self._references_QR, self._gains_QR, xp)
        gains_QR = self._gains_QR
        if gains_QR is None:
            gains_QR = xp.ones_like(self._references_QR, dtype=widest(self._references_QR, xp))
        counts = self._counts or count(self._references_QR, self._references_QR[:, :0], xp)
        references_QR, gains_QR, valid_QR, higher_QR, equal_QR = (
            xp.take_along_axis(x, order_QR, axis=1)
            for x in (self._references_QR, gains_QR, valid_QR, *counts)
        )
        of_relevant = count(references_QR, references_QR, xp)
        relevant_ahead_QR, relevant_QR = (xp.astype(x, higher_QR.dtype) for x in of_relevant)
        return Ranking(
            ahead_QR=xp.where(valid_QR, higher_QR + relevant_ahead_QR, 0),
            size_QR=xp.where(valid_QR, equal_QR + relevant_QR, 1),
            relevant_ahead_QR=xp.where(valid_QR, relevant_ahead_QR, 0),
            relevant_QR=xp.where(valid_QR, relevant_QR, 1),
            gains_QR=gains_QR,
            valid_QR=valid_QR,
            known_Q=self._known_Q,
            candidates=max(1, self.candidates),
            xp=xp,
        )
