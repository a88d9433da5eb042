"""The candidates of a search: rows in several arrays or files, with their ids and modalities."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gcl_spec._typing import AnyArray, IntArray
from gcl_spec.errors import DataError, InputError, InputTypeError
from gcl_spec.search.filters import in_modalities, kept_by_id, refuse_equal_ids
from gcl_spec.search.floats import is_floating

__all__ = ["Part", "Shard", "kept_parts", "lowest_ids", "row_dtype"]


@dataclass(frozen=True, slots=True, eq=False)
class Shard:
    """Rows of candidates, as an array or as a .npy file, which is mapped and read in chunks."""

    rows: AnyArray | Path | str
    """(C, D) of float16, bfloat16, float32 or float64. NumPy writes bfloat16 as two bytes of no
    type, "V2", which is read as bfloat16."""
    start: int | None = None
    """The id of the first row; the others follow. None: the ids go on from the shard before."""
    ids_C: IntArray | None = None
    """The id of every row, shape (C,), instead of a start."""
    modality: str | Sequence[str] = ""
    """The modality of all rows, or of each row."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The rows of a shard that a search sees."""

    name: str
    """The name of the shard in messages."""
    rows_CD: AnyArray
    ids_C: IntArray | range
    """The ids of all rows of the shard, (C,)."""
    kept_N: IntArray | None
    """The numbers of the rows that are searched, ascending, (N,); None: all are."""

    def __len__(self) -> int:
        return len(self.rows_CD) if self.kept_N is None else len(self.kept_N)

    def ids(self, part: slice) -> IntArray:
        """The ids of a slice of the searched rows, shape (rows of the slice,)."""
        if isinstance(self.ids_C, range):
            if self.kept_N is not None:
                return self.kept_N[part] + self.ids_C.start
            return np.arange(self.ids_C[part].start, self.ids_C[part].stop, dtype=np.int64)
        return self.ids_C[part if self.kept_N is None else self.kept_N[part]].astype(np.int64)

    def row_number(self, place: int) -> int:
        """The number in the shard of the searched row at this place."""
        return place if self.kept_N is None else int(self.kept_N[place])


def kept_parts(
    shards: AnyArray | Path | str | Shard | Sequence[AnyArray | Path | str | Shard],
    ids: IntArray | None = None,
    modalities: Collection[str] | None = None,
) -> list[Part]:
    """The rows of all shards that a filter keeps.

    Args:
        shards: one array (C, D), .npy file or `Shard`, or several of them.
        ids: the ids to keep, (N,); None: all.
        modalities: the modalities to keep; None: all.

    Returns:
        A part for each shard of which a row is kept.

    Raises:
        InputError: widths differ, an id stands twice, the filter names an id or a modality that no
            row has, or nothing is left.
        InputTypeError: rows are no floating numbers.
        DataError: a file cannot be read.
    """
    several: Any = shards
    one = hasattr(shards, "__array__") or isinstance(shards, str | Path | Shard)
    given: list[Any] = [shards] if one else list(several)
    opened, after = [], 0
    for number, entry in enumerate(given):
        shard = entry if isinstance(entry, Shard) else Shard(entry)
        opened.append(_opened(shard, number, after))
        held = opened[-1].ids_C
        after = held.stop if isinstance(held, range) else int(max(held, default=after - 1)) + 1
    _refuse_widths(opened)
    refuse_equal_ids([part.ids_C for part in opened])
    kept = kept_by_id([part.ids_C for part in opened], ids)
    if modalities is not None:
        given_modalities = [x.modality if isinstance(x, Shard) else "" for x in given]
        kept = in_modalities(kept, given_modalities, [len(x) for x in opened], modalities)
    parts = [Part(p.name, p.rows_CD, p.ids_C, rows) for p, rows in zip(opened, kept, strict=True)]
    parts = [part for part in parts if len(part)]
    if not parts:
        raise InputError("there is no candidate to search: no rows, or none that the filter keeps")
    return parts


def lowest_ids(parts: Sequence[Part], k: int) -> IntArray:
    """The k lowest ids of all searched rows, ascending, (K,)."""
    lowest = np.empty(0, np.int64)
    for part in parts:
        ids = part.ids(slice(0, k)) if isinstance(part.ids_C, range) else part.ids(slice(None))
        lowest = np.sort(np.concatenate([lowest, ids]))[:k]
    return lowest


def row_dtype(parts: Sequence[Part]) -> np.dtype[np.floating]:
    """The dtype that holds the rows of every shard without rounding: float32 or float64."""
    wide = any(part.rows_CD.dtype.itemsize > 4 for part in parts)
    return np.dtype(np.float64 if wide else np.float32)


def _opened(shard: Shard, number: int, after: int) -> Part:
    rows = shard.rows
    name = str(rows) if isinstance(rows, str | Path) else f"shard {number}"
    rows = _mapped(Path(rows)) if isinstance(rows, str | Path) else np.asanyarray(rows)
    if rows.ndim != 2:
        raise InputError(f"{name} has shape {rows.shape}; wanted rows, (C, D)")
    if not is_floating(rows.dtype):
        raise InputTypeError(
            f"{name} holds {rows.dtype}; wanted float16, bfloat16, float32 or float64"
        )
    if shard.ids_C is None:
        start = after if shard.start is None else shard.start
        return Part(name, rows, range(start, start + len(rows)), None)
    ids = np.asarray(shard.ids_C)
    if ids.shape != (len(rows),) or ids.dtype.kind not in "iu":
        raise InputError(
            f"{name} has {len(rows)} rows; its ids are {ids.dtype} of shape {ids.shape}"
        )
    return Part(name, rows, ids.astype(np.int64), None)


def _mapped(path: Path) -> AnyArray:
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path} is no .npy file of rows that can be read: {said}") from error
    if not isinstance(rows, np.ndarray):  # an .npz file
        raise DataError(f"{path} holds several arrays; wanted a .npy file of rows")
    return rows


def _refuse_widths(parts: Sequence[Part]) -> None:
    for part in parts[1:]:
        if part.rows_CD.shape[1] != parts[0].rows_CD.shape[1]:
            raise InputError(
                f"rows of {part.name} are {part.rows_CD.shape[1]} wide, those of "
                f"{parts[0].name} {parts[0].rows_CD.shape[1]}"
            )
