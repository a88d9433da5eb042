"""Nearest rows of rows."""

from gcl_spec.search.exact import score_chunks, top_k

__all__ = [
    "score_chunks",
    "top_k",
]
