"""Reads precomputed vectors from npz files and from columns of parquet files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gcl_spec._files.packed import BROKEN, Arrays
from gcl_spec._files.reading import reason
from gcl_spec._typing import FloatArray
from gcl_spec.config.options import ColumnsConfig
from gcl_spec.data.formats.columns import Columns, find_columns
from gcl_spec.data.formats.parquet_table import ParquetTable
from gcl_spec.data.formats.vectors import VectorSource
from gcl_spec.data.names import plain
from gcl_spec.errors import DataError

__all__ = ["read_npz", "read_vectors"]


def read_npz(
    path: Path, columns: ColumnsConfig, given: Sequence[str] = ("image", "text")
) -> VectorSource:
    """The vectors in an npz file: (N, F) by modality, maybe "id" (N,) and "present" (N, G).

    Args:
        path: the file.
        columns: the names of its arrays.
        given: the G modalities that are read, in the order of the columns of "present".

    Raises:
        DataError: no npz file, pickled objects in it, or arrays of other shapes.
    """
    try:
        with Arrays(path) as file:
            masks = [name for name in file.names if plain(name) == "present"]
            mask = "present" if "present" in masks else next(iter(masks), None)
            used = find_columns(
                *(str(path), list(file.names), columns),
                unit="arrays",
                known=() if mask is None else (mask,),
                has_concepts=False,
                given=given,
            )
            vectors = {kind: file[name] for kind, name in _named(used, given).items()}
            ids = None if used.id is None else file[used.id]
            present = None if mask is None else file[mask]
    except DataError:
        raise
    except BROKEN as error:
        raise DataError(
            f"{path}: not a readable npz file of plain arrays: {reason(error)}"
        ) from error
    if ids is not None and ids.ndim != 1:
        raise DataError(f"{path}: the ids have shape {ids.shape}; wanted (N,)")
    names = None if ids is None else _names(ids.tolist())
    source = VectorSource(str(path), vectors, names, present, given=given)
    source.warnings, source.notes = used.warnings, used.notes
    return source


def read_vectors(
    table: ParquetTable, columns: ColumnsConfig, given: Sequence[str] = ("image", "text")
) -> VectorSource:
    """The vectors in columns of lists of floats, all in memory; a null is a missing vector."""
    used = find_columns(str(table.paths[0]), table.names, columns, has_concepts=False, given=given)
    named = _named(used, given)
    whole = table.read_all([name for name in (*named.values(), used.id) if name is not None])
    place = ", ".join(map(str, table.paths[:1])) + (" ..." if len(table.paths) > 1 else "")
    vectors = {kind: _matrix(place, name, whole.column(name)) for kind, name in named.items()}
    ids = None if used.id is None else _names(whole.column(used.id).to_pylist())
    source = VectorSource(place, vectors, ids, given=given)
    source.warnings, source.notes = used.warnings, used.notes
    return source


def _named(columns: Columns, given: Sequence[str]) -> dict[str, str]:
    """The column of each given modality that has one."""
    names = {"image": columns.image, "text": columns.text, **columns.others}
    return {kind: name for kind in given if (name := names.get(kind)) is not None}


def _names(ids: list[Any]) -> list[str | None]:
    """The ids as texts; None for null, NaN and "", which are no name that rows could share."""
    return [None if x is None or x != x or x == "" else str(x) for x in ids]


def _matrix(place: str, name: str, column: Any) -> FloatArray:
    """The array (N, F) float32 of lists of equal length, with rows of NaN for nulls."""
    lists = column.combine_chunks()
    valid_N = np.asarray(lists.is_valid())
    rows = lists.drop_null()
    with np.errstate(over="ignore"):
        flat = np.asarray(rows.flatten(), np.float32)
    width = len(flat) // max(1, len(rows))
    # A fixed-size list has one length by its type.
    even = not hasattr(rows, "offsets") or np.all(np.diff(np.asarray(rows.offsets)) == width)
    if not width or not even:
        raise DataError(f"{place}: the vectors of column {name!r} have different lengths, or none")
    x_NF = np.full((len(valid_N), width), np.nan, np.float32)
    x_NF[valid_N] = flat.reshape(-1, width)
    return x_NF
