"""What the columns of vectors of a table hold: rows, or their codes with whole rows or without."""

from collections.abc import Mapping

from gcl_spec._typing import AnyArray, FloatArray
from gcl_spec.index.coding import Coding

__all__ = ["Columns"]


class Columns:
    """The columns of vectors of a table.

    Args:
        columns: the numbers of a vector or code, by the name of their column.
        dtype: "float32", "float16", "int8" or "binary".
        codings: what makes codes, by column; empty where rows are stored as they are.
        kind: the dtype of whole rows beside codes, "" without.
    """

    def __init__(
        self,
        columns: Mapping[str, int],
        dtype: str,
        codings: Mapping[str, Coding] | None = None,
        kind: str = "",
    ) -> None:
        self.columns, self.dtype, self.codings, self.kind = columns, dtype, codings or {}, kind
        self.whole = {name: name.replace("vector", "whole") for name in columns} if kind else {}
        """The column of whole rows beside each column of codes."""
        beside = {self.whole[name]: x.width for name, x in self.codings.items() if kind}
        self.sizes = {**columns, **beside}
        """The numbers of each column of vectors or codes."""

    def encoded(self, vectors: Mapping[str, FloatArray]) -> dict[str, AnyArray]:
        """What is stored of rows (N, D), by column: the rows, or codes with or without them."""
        arrays: dict[str, AnyArray] = {n: self._coded(n, x) for n, x in vectors.items()}
        return arrays | {name: vectors[column] for column, name in self.whole.items()}

    def _coded(self, column: str, rows_ND: FloatArray) -> AnyArray:
        return self.codings[column].encode(rows_ND) if column in self.codings else rows_ND

    def decoded(self, column: str, stored_NE: AnyArray) -> FloatArray:
        """The rows (N, D) that what is stored, (N, E), stands for."""
        return self.codings[column].decode(stored_NE) if column in self.codings else stored_NE

    def nearest_rows(self, column: str) -> str:
        """The column that has a column's rows best: that of whole rows, where there are some."""
        return self.whole.get(column, column)

    def width(self, column: str) -> int:
        """The numbers of a row of a column, before it was made a code."""
        return self.codings[column].width if column in self.codings else self.sizes[column]
