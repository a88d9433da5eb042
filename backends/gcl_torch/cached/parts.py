"""Cuts what goes into an encoder into microbatches, and joins what comes out of it again."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import torch

from gcl_spec.errors import InputError, InputTypeError

__all__ = [
    "Parts",
    "arguments",
    "check_alike",
    "count_rows",
    "has_rows",
    "join",
    "parts_of",
    "rows",
    "tensors",
]

Parts: TypeAlias = dict[str | int, Any]
"""The results of an encoder, by position, or by keyword where it returns a mapping."""

_ALLOWED = (torch.Tensor, type(None), bool, int, float, str)


def tensors(tree: Any, path: str = "inputs") -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor, of any shape, in nested mappings, lists and tuples, and its path for errors."""
    if isinstance(tree, torch.Tensor):
        yield path, tree
    elif isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from tensors(value, f"{path}[{key!r}]")
    elif isinstance(tree, list | tuple):
        for position, value in enumerate(tree):
            yield from tensors(value, f"{path}[{position}]")


def has_rows(x: Any) -> bool:
    """Is it a tensor with a sample axis? All else is handed on whole."""
    return isinstance(x, torch.Tensor) and x.ndim > 0


def count_rows(inputs: Any) -> int:
    """The batch size, on which all tensors must agree.

    Raises:
        InputError: they have different numbers of samples, or there is no tensor with samples.
    """
    entries = [(path, x) for path, x in tensors(inputs) if has_rows(x)]
    if not entries:
        raise InputError(
            "inputs hold no tensor with a sample axis; wanted a tensor, or a mapping, list or "
            "tuple of tensors"
        )
    first, size = entries[0][0], entries[0][1].shape[0]
    for path, x in entries:
        if x.shape[0] != size:
            raise InputError(
                f"{path} has {x.shape[0]} samples, {first} has {size}: the sample axis must come "
                "first and have one length in all inputs"
            )
        if x.requires_grad and not x.is_leaf:
            raise InputError(
                f"{path} is the output of another computation, whose graph cannot be walked once a "
                "microbatch; do that computation in encode, or detach() it"
            )
    if size == 0:
        raise InputError(f"{first} has shape {tuple(entries[0][1].shape)}: the batch is empty")
    return size


def rows(tree: Any, start: int, stop: int) -> Any:
    """The samples [start, stop) of every tensor; mappings become dicts, all else stays as it is."""
    if has_rows(tree):
        return tree[start:stop]
    if isinstance(tree, Mapping):
        return {key: rows(value, start, stop) for key, value in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(rows(value, start, stop) for value in tree))
    if isinstance(tree, list | tuple):
        return type(tree)(rows(value, start, stop) for value in tree)
    return tree


def parts_of(output: Any, size: int) -> Parts:
    """An encoder's output by position or keyword, with `size` samples in each tensor.

    Raises:
        InputError: a tensor has another number of samples.
        InputTypeError: a part is no tensor.
    """
    if isinstance(output, torch.Tensor):
        parts: Parts = {0: output}
    elif isinstance(output, Mapping):
        parts = dict(output)
    elif isinstance(output, list | tuple):
        parts = dict(enumerate(output))
    else:
        raise InputTypeError(
            f"encode returned {_kind(output)}; wanted a tensor, or a tuple or dict of tensors"
        )
    for name, x in parts.items():
        if isinstance(output, Mapping) and not isinstance(name, str):
            raise InputTypeError(
                f"encode returned a mapping with the key {name!r}; the keys must be strings, since "
                "they are the loss's keywords"
            )
        if not isinstance(x, _ALLOWED):
            raise InputTypeError(f"encode returned {_kind(x)} as output {name!r}; wanted a tensor")
        if isinstance(x, torch.Tensor) and x.ndim > 0 and x.shape[0] != size:
            raise InputError(
                f"encode returned output {name!r} of shape {tuple(x.shape)} for {size} samples; "
                "it must return one row a sample, with the sample axis first"
            )
    if not any(map(has_rows, parts.values())):
        raise InputError("encode returned no tensor with a sample axis")
    return parts


def arguments(parts: Parts) -> tuple[list[Any], dict[str, Any]]:
    """The positional and the keyword arguments of the loss."""
    positional = [x for name, x in parts.items() if isinstance(name, int)]
    return positional, {name: x for name, x in parts.items() if isinstance(name, str)}


def join(pieces: Sequence[Parts]) -> Parts:
    """The whole batch's output; values without a sample axis must be equal in all microbatches."""
    for piece in pieces:
        check_alike(piece, pieces[0])
    return {name: _join_one(name, [piece[name] for piece in pieces]) for name in pieces[0]}


def check_alike(one: Parts, two: Parts) -> None:
    """Check that the outputs of two calls differ only in values and the number of samples.

    Raises:
        InputError: they differ in more.
    """
    if list(one) != list(two):
        raise InputError(f"encode returned the outputs {list(two)}, then {list(one)}")
    for name, x in one.items():
        if _kind(x) != _kind(two[name]):
            raise InputError(
                f"encode returned {_kind(two[name])} as output {name!r}, then {_kind(x)}; "
                "microbatches may differ in the number of samples only"
            )


def _join_one(name: str | int, values: list[Any]) -> Any:
    if has_rows(values[0]):
        return torch.cat(values)
    if not _all_equal(values):
        raise InputError(
            f"output {name!r} of encode has no sample axis and differs between microbatches; "
            "return a value for each sample, and reduce it in the loss"
        )
    return values[-1]


def _all_equal(values: list[Any]) -> bool:
    if not isinstance(values[0], torch.Tensor):
        return all(x == values[0] for x in values)
    same = [(x == values[0]) | ((x != x) & (values[0] != values[0])) for x in values]
    return bool(torch.stack(same).all())


def _kind(x: Any) -> str:
    if not isinstance(x, torch.Tensor):
        return f"a value of type {type(x).__name__}"
    shape = ", ".join(["B", *map(str, x.shape[1:])]) if x.ndim else ""
    return f"a {x.dtype} tensor of shape ({shape})"
