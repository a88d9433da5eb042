"""The columns of the table of an index, and its rows in Arrow."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gcl_spec._typing import AnyArray

__all__ = ["Row", "row_of", "schema_of", "to_arrow"]


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


def row_of(record: Mapping[str, Any]) -> Row:
    """The row of a record of Arrow with all of its columns.

    >>> row_of({"id": "a", "modality": "", "text": "", "image": None, "origin": "1", "hash": ""})
    Row(id='a', modality='', text='', image=None, origin=1, hash='')
    """
    return Row(**{**record, "origin": int(record["origin"])})


def schema_of(
    columns: Mapping[str, int], dtype: str, whole: Mapping[str, int] | None = None, kind: str = ""
) -> Any:
    """The columns of a table.

    Args:
        columns: the numbers of a vector, or of its code, by the name of their column.
        dtype: "float32", "float16", "int8", or "binary", whose codes are bytes.
        whole: the numbers of whole rows beside codes, by the name of their column.
        kind: the dtype of these.

    Those that often have one value in all rows are dictionaries: LanceDB 0.40 reads a few rows of
    a plain column of a million equal values in 4 ms, of a dictionary in a fraction of that. Their
    values are texts: where files with dictionaries of numbers are merged, it may run-length encode
    the dictionary, and cannot read that ("Unsupported mini-block dictionary encoding: Rle").
    """
    import pyarrow as pa

    more = [
        pa.field(name, pa.list_(number, width))
        for these, of in ((columns, dtype), (whole or {}, kind))
        for number in [_number(of)]
        for name, width in these.items()
    ]
    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("modality", pa.dictionary(pa.int8(), pa.string()), nullable=False),
            pa.field("text", pa.string()),
            pa.field("image", pa.string()),
            pa.field("origin", pa.dictionary(pa.int16(), pa.string()), nullable=False),
            pa.field("hash", pa.string(), nullable=False),
            *more,
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


def _number(dtype: str) -> Any:
    """The type of Arrow of a number of a vector or code."""
    import pyarrow as pa

    return {"float16": pa.float16, "int8": pa.int8, "binary": pa.uint8}.get(dtype, pa.float32)()


def _array(values: Sequence[Any], field: Any) -> Any:
    """An array of Arrow of the type of a field of the schema."""
    import pyarrow as pa

    if pa.types.is_dictionary(field.type):
        kind = field.type.value_type
        values = [str(x) for x in values] if kind == pa.string() else values
        return pa.array(values, kind).dictionary_encode().cast(field.type)
    return pa.array(values, field.type)
