"""Search: for each query row, the nearest candidate rows.

Start reading at `top_k`, which searches arrays and mapped files exactly; `bounds` says why nothing
is lost. `exact` gives all scores, in chunks.
"""

from gcl_spec.search.exact import score_chunks
from gcl_spec.search.shards import Shard
from gcl_spec.search.top_k import TopK, top_k

__all__ = [
    "Shard",
    "TopK",
    "score_chunks",
    "top_k",
]
