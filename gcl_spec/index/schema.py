"""The columns of the table of an index, and its rows in Arrow."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gcl_spec._typing import AnyArray

__all__ = ["Row", "schema_of", "to_arrow"]


class Row(NamedTuple):
    """An item of an index, without its vectors.

    text: its whole text. image: the path of its picture, or another reference to it. origin: the
    number of the place that it came from. hash: that of its content.
    """

    id: str
    modality: str
    text: str | None
    image: str | None
    origin: int
    hash: str


def schema_of(columns: Mapping[str, int], dtype: str) -> Any:
    """The columns of a table.

    Those that often have one value in all rows are dictionaries: LanceDB 0.40 reads a few rows of
    a plain column of a million equal values in 4 ms, of a dictionary in a fraction of that.
    """
    import pyarrow as pa

    number = pa.float32() if dtype == "float32" else pa.float16()
    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("modality", pa.dictionary(pa.int8(), pa.string()), nullable=False),
            pa.field("text", pa.string()),
            pa.field("image", pa.string()),
            pa.field("origin", pa.dictionary(pa.int16(), pa.int32()), nullable=False),
            pa.field("hash", pa.string(), nullable=False),
            *(pa.field(name, pa.list_(number, width)) for name, width in columns.items()),
        ]
    )


def to_arrow(rows: Sequence[Row], vectors: Mapping[str, AnyArray], schema: Any) -> Any:
    """N rows as a table of Arrow.

    Args:
        rows: N rows.
        vectors: (N, D) for every column of vectors.
        schema: that of the table, whose types an older version may have chosen.
    """
    import pyarrow as pa

    arrays = [_array([getattr(row, x) for row in rows], schema.field(x)) for x in Row._fields]
    for name, rows_ND in vectors.items():
        kind = schema.field(name).type
        flat = np.ascontiguousarray(rows_ND, kind.value_type.to_pandas_dtype()).ravel()
        arrays.append(pa.FixedSizeListArray.from_arrays(pa.array(flat), kind.list_size))
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(values: Sequence[Any], field: Any) -> Any:
    """An array of Arrow of the type of a field of the schema."""
    import pyarrow as pa

    if pa.types.is_dictionary(field.type):
        return pa.array(values, field.type.value_type).dictionary_encode().cast(field.type)
    return pa.array(values, field.type)
