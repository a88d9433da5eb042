"""Chunks of candidates: copied from their shards, checked, and scaled for float32 products."""

import mmap
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import NamedTuple, TypeAlias

import numpy as np

from gcl_spec._typing import AnyArray, FloatArray, IntArray
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

    While a chunk is used, a thread reads the next one into memory of its own.

    Args:
        parts: the rows of each shard that are searched.
        first: the rows of the first chunk, at most `rows`.
        rows: the rows of every other chunk; the last may have fewer.

    Raises:
        InputError: a row holds NaN, Inf or a number above 2^500; the message names its shard.
    """
    cuts = list(_cuts(parts, first, rows))
    rows = max(sum(stop - start for _, start, stop in cut) for cut in cuts)
    spaces = cycle([_space(parts, rows) for _ in cuts[:2]])
    with ThreadPoolExecutor(1, "gcl-search-reader") as reader:
        coming = reader.submit(_read, cuts[0], next(spaces))
        for cut in cuts[1:]:
            chunk, coming = coming.result(), reader.submit(_read, cut, next(spaces))
            yield chunk
        yield coming.result()


_Cut: TypeAlias = list[tuple[Part, int, int]]
"""The searched rows of a chunk: of each part the first, and the one behind the last."""


def _cuts(parts: Sequence[Part], first: int, rows: int) -> Iterator[_Cut]:
    cut: _Cut = []
    room = first
    for part in parts:
        start = 0
        while start < len(part):
            stop = min(len(part), start + room)
            cut.append((part, start, stop))
            room, start = room - (stop - start), stop
            if not room:
                yield cut
                cut, room = [], rows
    if cut:
        yield cut


class _Space(NamedTuple):
    """Where a chunk is read to."""

    rows_CD: FloatArray
    squared_C: FloatArray
    ids_C: IntArray


def _space(parts: Sequence[Part], rows: int) -> _Space:
    rows_CD = np.empty((rows, parts[0].rows_CD.shape[1]), row_dtype(parts))
    return _Space(rows_CD, np.empty(rows, rows_CD.dtype), np.empty(rows, np.int64))


def _read(cut: _Cut, space: _Space) -> Chunk:
    """Copy and check searched rows, and give the pages of mapped files back: they are memory."""
    filled = 0
    for part, begin, end in cut:
        for start in range(begin, end, _TOGETHER):
            stop = min(start + _TOGETHER, end)
            here = slice(filled, filled + stop - start)
            _copy(part, slice(start, stop), space.rows_CD[here])
            space.squared_C[here] = _squared_norms(part, start, space.rows_CD[here])
            filled = here.stop
        space.ids_C[filled - (end - begin) : filled] = part.ids(slice(begin, end))
        _forget(part.rows_CD)
    return _chunk(space.rows_CD[:filled], space.squared_C[:filled], space.ids_C[:filled])


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
