"""Exact search: the K candidates of the highest inner product, of arrays or mapped files."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from gcl_spec._typing import AnyArray, FloatArray, IntArray
from gcl_spec.chunk_products import ChunkProducts, Multiplier
from gcl_spec.errors import InputError
from gcl_spec.search.best import Best
from gcl_spec.search.bounds import least_products
from gcl_spec.search.candidates import Pairs, offer_all, offer_places
from gcl_spec.search.chunks import Chunk, chunks
from gcl_spec.search.memory import Plan, memory_bytes, plan
from gcl_spec.search.multipliers import multiplier
from gcl_spec.search.queries import QueryBlock, checked_queries, query_blocks
from gcl_spec.search.shards import Part, Shard, kept_parts, lowest_ids, row_dtype

__all__ = ["Shards", "TopK", "top_k"]

Shards: TypeAlias = AnyArray | Path | str | Shard | Sequence[AnyArray | Path | str | Shard]
"""One array of rows, (C, D), .npy file or `Shard`, or several of them."""

_FIRST_ROWS = 1024


class TopK(NamedTuple):
    """The candidates that a search has found."""

    ids_QK: IntArray
    """The ids of the K best candidates of every query, best first, (Q, K) int64."""
    scores_QK: FloatArray
    """Their scores, (Q, K) float64."""
    cut_Q: IntArray
    """For each query the candidates that are left out though their score equals the last one's,
    (Q,); where it is not 0, K cuts a tie, and only ids decide who is in."""


def top_k(
    queries_QD: AnyArray,
    candidates: Shards,
    k: int,
    *,
    ids: IntArray | None = None,
    modalities: Collection[str] | None = None,
    backend: str | Multiplier = "numpy",
    device: str | None = None,
    memory: int | str = "1GB",
    rows: int | None = None,
) -> TopK:
    """The K candidates of the highest inner product with each query; ties go to the lower id.

    The score of a pair is the inner product of its stored values in float64 (`pair_scores`). The
    backend's float32 products only leave out what cannot be among the best (`bounds` has the
    proof), so neither it, its threads, the memory, nor how the rows are cut into shards changes a
    result. The first ids of a search for more candidates are those of a search for fewer. With a
    filter the result is that of a search of the kept rows alone, and no other row is read.

    Args:
        queries_QD: (Q, D) of float16, bfloat16, float32 or float64; unit rows give cosine
            similarity, and a zero row scores 0 with all.
        candidates: rows of the same width, (C, D) in all; an id is the number of a row through all
            shards, if a `Shard` says nothing else.
        k: the number of candidates to find; all, where there are fewer.
        ids: the ids to search among, any shape; None: all.
        modalities: the modalities to search among; None: all.
        backend: "numpy", "torch", "jax", "faiss", another declared backend, or a `Multiplier`.
        device: the backend's device; None: its default.
        memory: what the search may allocate beside its arguments, in bytes, or such as "1.5GB";
            mapped files are read chunk by chunk, and their pages given back.
        rows: the rows of a chunk; None: as many as the memory allows, within reason.

    Raises:
        InputError: rows are of other widths, hold NaN or Inf (the message names shard and row), an
            id stands twice, the filter leaves none, or the memory is too small.
        DataError: a file cannot be read.
        BackendLoadError: the backend cannot be loaded, or makes no products.

    >>> import numpy as np
    >>> top = top_k(np.eye(2), np.asarray([[0.0, 1.0], [2.0, 0.0], [2.0, 1.0]]), 1)
    >>> top.ids_QK.tolist(), top.scores_QK.tolist(), top.cut_Q.tolist()
    ([[1], [0]], [[2.0], [1.0]], [1, 1])
    """
    parts = kept_parts(candidates, ids, modalities)
    queries_QD, some_Q = checked_queries(queries_QD, parts[0].rows_CD.shape[1])
    if k < 1:
        raise InputError(f"k is {k}; wanted 1 or more candidates")
    k = min(k, sum(len(part) for part in parts))
    itemsize = row_dtype(parts).itemsize
    sizes = plan(memory_bytes(memory), len(queries_QD), queries_QD.shape[1], k, itemsize)
    if rows is not None:
        sizes = sizes._replace(rows=max(1, min(rows, sizes.rows)))
    by = multiplier(backend) if isinstance(backend, str) else backend
    top = _all_tied(parts, len(queries_QD), k)
    blocks = list(query_blocks(queries_QD if some_Q.all() else queries_QD[some_Q], sizes.block))
    best = _search(parts, blocks, k, sizes, by, device)
    if best:
        top.ids_QK[some_Q] = np.concatenate([x.ids_QK for x in best])
        top.scores_QK[some_Q] = np.concatenate([x.scores_QK for x in best])
        top.cut_Q[some_Q] = np.concatenate([x.cut_Q for x in best])
    return top


def _all_tied(parts: Sequence[Part], queries: int, k: int) -> TopK:
    """The result of zero queries, which score 0 with every candidate."""
    rest = sum(len(part) for part in parts) - k
    return TopK(
        np.tile(lowest_ids(parts, k), (queries, 1)),
        np.zeros((queries, k)),
        np.full(queries, rest),
    )


def _search(
    parts: Sequence[Part],
    blocks: Sequence[QueryBlock],
    k: int,
    sizes: Plan,
    by: Multiplier,
    device: str | None,
) -> list[Best]:
    """The results of every block of queries; no candidate is left unread, even without a query."""
    best = [Best(len(block.queries_QD), k) for block in blocks]
    scaled = [block.scaled_QD for block in blocks]
    products = by.products(scaled, rows=sizes.rows, device=device) if blocks else None
    for chunk in chunks(parts, min(sizes.rows, max(_FIRST_ROWS, 2 * k)), sizes.rows):
        if products is not None:
            _compare(chunk, blocks, best, products, sizes.piece)
    for each in best:
        each.settle()
    return best


def _compare(
    chunk: Chunk,
    blocks: Sequence[QueryBlock],
    best: Sequence[Best],
    products: ChunkProducts,
    piece: int,
) -> None:
    """Offer what may be among the best of each block; all of it until there are K candidates."""
    width = chunk.rows_CD.shape[1]
    norm = float(np.ldexp(chunk.norm, chunk.exponent))
    full = all(np.isfinite(each.floor).all() for each in best)
    if full:
        products.take(chunk.scaled_CD)
    for number, (block, each) in enumerate(zip(blocks, best, strict=True)):
        pairs = Pairs(block.queries_QD, block.norms_Q, chunk.rows_CD, norm, chunk.ids_C)
        if not full:
            offer_all(each, pairs, piece)
            continue
        exponents_Q = block.exponents_Q + chunk.exponent
        least_Q = least_products(each.floor, block.scaled_norms_Q, exponents_Q, chunk.norm, width)
        offer_places(each, products.at_least(number, least_Q), pairs, piece)
