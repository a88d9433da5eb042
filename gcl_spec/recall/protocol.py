"""What a backend offers that has its own way to retrieval metrics."""

from typing import Protocol, runtime_checkable

from gcl_spec._typing import Array

__all__ = ["RankingBackend"]


@runtime_checkable
class RankingBackend(Protocol):
    """A backend with its own way to retrieval metrics; others use `gcl_spec.recall` as it is."""

    def retrieval_metrics(
        self,
        scores_QC: Array,
        relevant_QC: Array,
        left_out_QC: Array,
        gains_QC: Array,
        /,
        metrics: tuple[str, ...],
    ) -> Array:
        """The pessimistic, expected and optimistic values of metrics, (T, 3, Q).

        Args:
            scores_QC: each query's score with each candidate, (Q, C).
            relevant_QC: booleans, (Q, C).
            left_out_QC: booleans, (Q, C): candidates that do not compete, unless relevant.
            gains_QC: what nDCG counts for each relevant candidate, (Q, C), of the scores' dtype.
            metrics: T names that `gcl_spec.recall.Ranking.metric` knows.

        Raises:
            ValueError: NaN or Inf where a candidate competes, no relevant candidate, or one whose
                gain is not above 0; without an error the metrics of such a query are NaN.
        """
