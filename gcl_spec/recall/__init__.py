"""Retrieval metrics, with a stated rule for ties."""

from gcl_spec.recall.ranking import Band, Ranking

__all__ = ["Band", "Ranking"]
