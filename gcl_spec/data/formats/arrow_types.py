"""Turns Arrow's many types for one and the same content into the few that are read."""

from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from gcl_spec._typing import BoolArray, IntArray

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["common_type", "converted", "filled", "plain_type"]


def plain_type(kind: Any) -> Any:
    """The type without views, dictionaries and extensions, which not all of Arrow's kernels take.

    >>> import pyarrow as pa
    >>> plain_type(pa.dictionary(pa.int8(), pa.string())), plain_type(pa.list_(pa.string_view()))
    (DataType(string), ListType(list<element: large_string>))
    """
    import pyarrow as pa
    from pyarrow import types

    if isinstance(kind, pa.BaseExtensionType):
        return plain_type(kind.storage_type)
    if types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if types.is_struct(kind):
        return pa.struct([pa.field(field.name, plain_type(field.type)) for field in kind])
    if types.is_fixed_size_list(kind):
        return pa.list_(_element(kind), kind.list_size)
    if types.is_list(kind):
        return pa.list_(_element(kind))
    if _is(kind, "large_list", "list_view", "large_list_view"):
        return pa.large_list(_element(kind))
    if _is(kind, "string_view"):
        return pa.large_string()
    return pa.large_binary() if _is(kind, "binary_view") else kind


def common_type(first: Any, second: Any) -> Any:
    """A plain type that holds what two hold; None where there is none.

    >>> import pyarrow as pa
    >>> common_type(pa.int32(), pa.int64()), common_type(pa.null(), pa.string())
    (DataType(int64), DataType(string))
    >>> common_type(pa.string(), pa.int64()) is None
    True
    """
    import pyarrow as pa
    from pyarrow import types

    if first.equals(second) or types.is_null(second):
        return first
    if types.is_null(first):
        return second
    if types.is_struct(first) and types.is_struct(second):
        return _common_struct(first, second)
    if _is_list(first) and _is_list(second):
        inner = common_type(first.value_type, second.value_type)
        return None if inner is None else pa.large_list(pa.field("element", inner))
    for some, kind in (
        (types.is_integer, pa.int64()),
        (types.is_floating, pa.float64()),
        (lambda kind: _is(kind, "string", "large_string"), pa.large_string()),
        (lambda kind: _is(kind, "binary", "large_binary", "fixed_size_binary"), pa.large_binary()),
    ):
        if some(first) and some(second):
            return kind
    return None


def converted(column: "pa.ChunkedArray", kind: Any) -> "pa.ChunkedArray":
    """The column in a type of `plain_type` or `common_type`; it is not copied if it has that type.

    Raises:
        pyarrow.ArrowInvalid: a value that the type cannot hold.
    """
    import pyarrow as pa

    if column.type.equals(kind):
        return column
    try:
        return column.cast(kind)
    except pa.ArrowNotImplementedError:  # pyarrow 17 cannot convert views
        return pa.chunked_array(
            [pa.array(chunk.to_pylist(), kind) for chunk in column.chunks], kind
        )


def filled(column: "pa.ChunkedArray") -> BoolArray:
    """Does each row (N,) hold something? It has bytes, a path, {bytes, path} or a list of such."""
    import pyarrow as pa
    from pyarrow import compute

    kind = column.type
    if pa.types.is_null(kind):
        return np.zeros(len(column), bool)
    if pa.types.is_struct(kind):
        parts = [field.name for field in kind if field.name in ("bytes", "path")]
        masks = [filled(compute.struct_field(column, name)) for name in parts]
        return reduce(np.logical_or, masks, np.zeros(len(column), bool))
    if hasattr(kind, "value_type"):  # a list holds something where any element does
        return np.concatenate([np.zeros(0, bool), *map(_any_filled, column.chunks)])
    lengths: IntArray = np.asarray(compute.fill_null(compute.binary_length(column), 0))
    return lengths > 0


def _any_filled(lists: Any) -> BoolArray:
    import pyarrow as pa
    from pyarrow import compute

    inner = filled(pa.chunked_array([compute.list_flatten(lists)]))
    mask_N = np.zeros(len(lists), bool)
    mask_N[np.asarray(compute.list_parent_indices(lists))[inner]] = True
    return mask_N


def _common_struct(first: Any, second: Any) -> Any:
    """A struct with the fields of both, of which a file may lack some."""
    import pyarrow as pa

    kinds: dict[str, list[Any]] = {}
    for struct in (first, second):
        for field in struct:
            kinds.setdefault(field.name, []).append(field.type)
    common_kinds = {name: reduce(common_type, some) for name, some in kinds.items()}
    if any(kind is None for kind in common_kinds.values()):
        return None
    return pa.struct([pa.field(name, kind) for name, kind in common_kinds.items()])


def _element(kind: Any) -> Any:
    import pyarrow as pa

    return pa.field("element", plain_type(kind.value_type))


def _is_list(kind: Any) -> bool:
    return _is(kind, "list", "large_list", "fixed_size_list")


def _is(kind: Any, *names: str) -> bool:
    """Is the type one of these? It is not one for which this version of pyarrow has no test."""
    from pyarrow import types

    return any(getattr(types, f"is_{name}", lambda _: False)(kind) for name in names)
