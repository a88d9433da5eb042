"""Chunks of candidates: copied from their shards, checked, and scaled for float32 products."""

import mmap
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from gcl_spec._typing import AnyArray, FloatArray, IntArray
from gcl_spec.chunk_products import in_threads
from gcl_spec.errors import InputError
from gcl_spec.search.bounds import row_norm
from gcl_spec.search.floats import LARGEST, as_floats
from gcl_spec.search.shards import Part, row_dtype

__all__ = ["Chunk", "chunks"]

_USUAL = 2.0**32
"""Squared norms between 1 / this and this need no scaling."""
# Rows that are copied, then checked while they are in the cache.
_TOGETHER = 256


class Chunk(NamedTuple):
    """Candidates that are compared with all queries together."""

    rows_CD: FloatArray
    """(C, D) in the dtype of `row_dtype`, as stored."""
    scaled_CD: FloatArray
    """The rows times 2^-exponent, (C, D), rounded to float32."""
    exponent: int
    norm: float
    """An upper bound of the norms of the scaled rows."""
    ids_C: IntArray
    """Shape (C,)."""


def chunks(parts: Sequence[Part], first: int, rows: int) -> Iterator[Chunk]:
    """All searched rows in order; a chunk is overwritten when the next one is asked for.

    Args:
        parts: the rows of each shard that are searched.
        first: the rows of the first chunk, at most `rows`.
        rows: the rows of every other chunk; the last may have fewer.

    Raises:
        InputError: a row holds NaN, Inf or a number above 2^500; the message names its shard.
    """
    space_CD = np.empty((rows, parts[0].rows_CD.shape[1]), row_dtype(parts))
    ids_C = np.empty(rows, np.int64)
    squared_C = np.empty(rows, space_CD.dtype)
    filled, size = 0, first
    for part in parts:
        start = 0
        while start < len(part):
            stop = min(len(part), start + size - filled)
            here = slice(filled, filled + stop - start)
            _fill(part, start, space_CD[here], squared_C[here])
            ids_C[here] = part.ids(slice(start, stop))
            filled, start = here.stop, stop
            if filled == size:
                yield _chunk(space_CD[:filled], squared_C[:filled], ids_C[:filled])
                filled, size = 0, rows
    if filled:
        yield _chunk(space_CD[:filled], squared_C[:filled], ids_C[:filled])


def _fill(part: Part, start: int, out_CD: FloatArray, squared_C: FloatArray) -> None:
    """Copy and check searched rows, and give the pages of a mapped file back: they are memory."""

    def work(here: slice) -> None:
        for first in range(here.start, here.stop, _TOGETHER):
            few = slice(first, min(first + _TOGETHER, here.stop))
            _copy(part, slice(start + few.start, start + few.stop), out_CD[few])
            squared_C[few] = _squared_norms(part, start + few.start, out_CD[few])

    in_threads(work, len(out_CD))
    _forget(part.rows_CD)


def _copy(part: Part, rows: slice, out_CD: FloatArray) -> None:
    if part.kept_N is None:
        out_CD[:] = as_floats(part.rows_CD[rows])
    else:
        out_CD[:] = as_floats(part.rows_CD[part.kept_N[rows]])


def _forget(rows_CD: AnyArray) -> None:
    base: object = rows_CD
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap) and base.mode == "c":
            return  # its pages may hold changes that no file has
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


def _squared_norms(part: Part, start: int, rows_CD: FloatArray) -> FloatArray:
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        squared_C = np.asarray(np.vecdot(rows_CD, rows_CD))
        if not np.all(squared_C < LARGEST):  # one that is NaN, Inf or very large
            largest = min(LARGEST, float(np.finfo(rows_CD.dtype).max))
            bad_C = ~np.all(np.abs(rows_CD) <= largest, axis=1)
            if bad_C.any():
                row = part.row_number(start + int(np.argmax(bad_C)))
                raise InputError(
                    f"{part.name}, row {row}: it holds NaN, Inf or a number above 2^500; "
                    "leave it out, or embed its item again"
                )
    return squared_C


def _chunk(rows_CD: FloatArray, squared_C: FloatArray, ids_C: IntArray) -> Chunk:
    width, largest = rows_CD.shape[1], float(squared_C.max(initial=0.0))
    if 1 / _USUAL <= largest <= _USUAL:
        scaled_CD = rows_CD.astype(np.float32, copy=False)
        return Chunk(rows_CD, scaled_CD, 0, row_norm(squared_C, width), ids_C)
    highest = max(-float(rows_CD.min(initial=0.0)), float(rows_CD.max(initial=0.0)))
    exponent = int(np.frexp(highest)[1])
    with np.errstate(under="ignore"):
        scaled_CD = np.ldexp(rows_CD, -exponent).astype(np.float32, copy=False)
        norm = row_norm(np.vecdot(scaled_CD, scaled_CD), width)
    return Chunk(rows_CD, scaled_CD, exponent, norm, ids_C)
