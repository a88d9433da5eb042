"""Search: for each query row, the nearest candidate rows.

Start reading at `exact`, which compares all rows with all.
"""

from gcl_spec.search.exact import score_chunks, top_k

__all__ = [
    "score_chunks",
    "top_k",
]
