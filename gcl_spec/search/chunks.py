"""Chunks of candidates: copied from their shards, checked, and scaled for float32 products."""

import mmap
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import NamedTuple, TypeAlias

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
# So many rows are copied at a time, and then checked while they are in the cache.
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
    """All searched rows in order; a chunk may be overwritten when the next one is asked for.

    Chunks grow: of one that is as large as all before it, a search looks at few candidates in vain.
    While a chunk is used, a thread reads the next one into memory of its own. Rows of 32 bits that
    lie together are not copied; the system is asked to read them ahead.

    Args:
        parts: the rows of each shard that are searched.
        first: the rows of the first chunk, at most `rows`.
        rows: no chunk has more rows.

    Raises:
        InputError: a row holds NaN, Inf or a number above 2^500; the message names its shard.
    """
    cuts = list(_cuts(parts, first, rows))
    rows = max(sum(stop - start for _, start, stop in cut) for cut in cuts)
    spaces = cycle([_space(parts, rows) for _ in cuts[:2]])
    with ThreadPoolExecutor(1, "gcl-search-reader") as reader:
        coming = reader.submit(_read, cuts[0], next(spaces))
        for cut, following in zip(cuts, [*cuts[1:], None], strict=True):
            chunk = coming.result()
            if following is not None:
                coming = reader.submit(_read, following, next(spaces))
            if chunk is not None:
                yield chunk
            else:
                yield _in_place(*cut[0])
                _forget(cut[0][0].rows_CD)


_Cut: TypeAlias = list[tuple[Part, int, int]]
"""The searched rows of a chunk: of each part the first, and the one behind the last."""


def _cuts(parts: Sequence[Part], first: int, rows: int) -> Iterator[_Cut]:
    cut: _Cut = []
    room, seen = first, 0
    for part in parts:
        start = 0
        while start < len(part):
            stop = min(len(part), start + room)
            cut.append((part, start, stop))
            room, start = room - (stop - start), stop
            if not room:
                yield cut
                seen += sum(end - begin for _, begin, end in cut)
                cut, room = [], min(rows, seen)
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


def _read(cut: _Cut, space: _Space) -> Chunk | None:
    """Copy and check searched rows, and give the pages of mapped files back to the system.

    None is the answer for rows that can be used where they lie.
    """
    if len(cut) == 1 and _lie_together(cut[0][0], space.rows_CD.dtype):
        _ahead(*cut[0])
        return None
    filled = 0
    for part, begin, end in cut:
        for start in range(begin, end, _TOGETHER):
            stop = min(start + _TOGETHER, end)
            here = slice(filled, filled + stop - start)
            _copy(part, slice(start, stop), space.rows_CD[here])
            space.squared_C[here] = _squared_norms(space.rows_CD[here])
            _refuse_bad(part, start, space.rows_CD[here], space.squared_C[here])
            filled = here.stop
        space.ids_C[filled - (end - begin) : filled] = part.ids(slice(begin, end))
        _forget(part.rows_CD)
    return _chunk(space.rows_CD[:filled], space.squared_C[:filled], space.ids_C[:filled])


def _lie_together(part: Part, dtype: np.dtype[np.floating]) -> bool:
    """Whether a product can be made of the rows as they are."""
    flags = part.rows_CD.flags
    is_dtype = part.rows_CD.dtype == dtype == np.float32
    return part.kept_N is None and is_dtype and flags.c_contiguous and flags.aligned


def _in_place(part: Part, start: int, stop: int) -> Chunk:
    """The chunk of rows that are used where they lie, checked in threads."""
    rows_CD = np.asarray(part.rows_CD)[start:stop]
    squared_C = np.empty(len(rows_CD), np.float32)

    def check(rows: slice) -> None:
        squared_C[rows] = _squared_norms(rows_CD[rows])

    in_threads(check, len(rows_CD))
    _refuse_bad(part, start, rows_CD, squared_C)
    return _chunk(rows_CD, squared_C, part.ids(slice(start, stop)))


def _copy(part: Part, rows: slice, out_CD: FloatArray) -> None:
    if part.kept_N is None:
        out_CD[:] = as_floats(part.rows_CD[rows])
    else:
        out_CD[:] = as_floats(part.rows_CD[part.kept_N[rows]])


def _ahead(part: Part, start: int, stop: int) -> None:
    """Ask the system to read rows of a mapped file soon."""
    mapped = _mapping(part.rows_CD)
    if mapped is None or not hasattr(mmap, "MADV_WILLNEED"):
        return
    rows_CD = part.rows_CD[start:stop]
    begin = rows_CD.ctypes.data - np.frombuffer(mapped, np.uint8).ctypes.data
    page = begin // mmap.PAGESIZE * mmap.PAGESIZE
    mapped.madvise(mmap.MADV_WILLNEED, page, begin - page + rows_CD.nbytes)


def _forget(rows_CD: AnyArray) -> None:
    mapped = _mapping(rows_CD)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def _mapping(rows_CD: AnyArray) -> mmap.mmap | None:
    """The map of the file in which the rows lie, if nothing but the file has what it holds."""
    base: object = rows_CD
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap) and base.mode == "c":
            return None  # its pages may hold changes that no file has
        base = base.base
    return base if isinstance(base, mmap.mmap) else None


def _squared_norms(rows_CD: FloatArray) -> FloatArray:
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        return np.asarray(np.vecdot(rows_CD, rows_CD))


def _refuse_bad(part: Part, start: int, rows_CD: FloatArray, squared_C: FloatArray) -> None:
    with np.errstate(over="ignore"):  # LARGEST is infinite in float32
        if np.all(squared_C < LARGEST):
            return
    for begin in range(0, len(rows_CD), _TOGETHER):  # one is NaN, Inf or very large
        largest = min(LARGEST, float(np.finfo(rows_CD.dtype).max))
        bad_C = ~np.all(np.abs(rows_CD[begin : begin + _TOGETHER]) <= largest, axis=1)
        if bad_C.any():
            row = part.row_number(start + begin + int(np.argmax(bad_C)))
            raise InputError(
                f"{part.name}, row {row}: it holds NaN, Inf or a number above 2^500; "
                "leave it out, or embed its item again"
            )


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
