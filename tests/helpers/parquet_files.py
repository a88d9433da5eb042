"""Parquet files of rows, with a type for each column."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from kinds import Row


def column(kind: Any, values: list[Any]) -> Any:
    if pa.types.is_dictionary(kind):
        return pa.array(values, kind.value_type).dictionary_encode()
    return pa.array(values, kind)


def write(path: Path, part: list[Row], **kinds: Any) -> None:
    """Columns in the order of `kinds`, each of the type that is given."""
    values = {
        "id": [name for name, *_ in part],
        "image": [image for _, image, _ in part],
        "caption": [text for *_, text in part],
    }
    columns = {}
    for name, kind in kinds.items():
        cells: list[Any] = values.get(name, list(range(len(part))))
        if name == "image" and pa.types.is_struct(kind):
            cells = [None if cell is None else {"bytes": cell} for cell in cells]
        if name == "caption" and "list" in str(kind):
            cells = [None if cell is None else [cell] for cell in cells]
        columns[name] = column(kind, cells)
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        # pyarrow cannot write a part of a struct of views.
        size = len(part) if "struct" in str(kinds) and "view" in str(kinds) else 2
        pq.write_table(pa.table(columns), file, row_group_size=size)
