"""Unpickles what torch saves, without torch: tensors and plain values; nothing is called.

Of the names in a pickle only those are known that rebuild a tensor or an ordered dictionary, so
that a file that names another function is refused before anything of it runs.
"""

import pickle
from collections import OrderedDict
from math import prod
from pickletools import genops
from typing import Any, BinaryIO, NamedTuple

import numpy as np

__all__ = ["Reader", "Tensor", "values_of"]

_BFLOAT16 = "bfloat16"  # NumPy has no such type
_DTYPES = {
    "DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2",
    "BFloat16Storage": _BFLOAT16, "LongStorage": "<i8", "IntStorage": "<i4",
    "ShortStorage": "<i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?",
}  # fmt: skip


# Trainers put objects of these names beside the weights; nothing is made of them.
_LEFT_OUT = {
    ("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar"),
    ("numpy", "dtype"), ("_codecs", "encode"), ("torch", "device"), ("torch", "Size"),
    ("argparse", "Namespace"),
}  # fmt: skip


class _LeftOut:
    """Stands for an object that is left out, whatever it would have been made of."""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass


class Tensor(NamedTuple):
    """The place of a tensor's values.

    key: the name of its storage.
    code: the type of the storage's numbers, as NumPy writes it, or "bfloat16".
    offset: the first of its values in the storage, counted in numbers.
    shape, strides: as torch has them; strides are counted in numbers.
    """

    key: str
    code: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the numbers in the file; two bytes without meaning for bfloat16."""
        return np.dtype("<u2" if self.code == _BFLOAT16 else self.code)


class _Kind(NamedTuple):
    """A type of storages, which a pickle names as a class of torch."""

    code: str


class Reader(pickle.Unpickler):
    """Reads one pickle of a file; tensors become `Tensor`s, whose storages lie elsewhere."""

    def __init__(self, file: BinaryIO) -> None:
        """Read from `file` at its place.

        Raises:
            ValueError: it is no pickle, or one that would take all memory.
        """
        start = file.tell()
        _check_memo(file)
        file.seek(start)
        super().__init__(file)

    def find_class(self, module: str, name: str) -> Any:
        """What rebuilds tensors and dictionaries; an `UnpicklingError` for other names.

        Of a few that trainers use, such as numbers of NumPy, a stand-in is made.
        """
        if module == "torch" and name in _DTYPES:
            return _Kind(_DTYPES[name])
        allowed = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _place,
            ("torch._utils", "_rebuild_parameter"): _parameter,
        }
        if (module, name) in _LEFT_OUT:
            return _LeftOut
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is no tensor")
        return allowed[module, name]

    def persistent_load(self, pid: Any) -> tuple[str, str]:
        """The key and the type of a storage.

        Raises:
            pickle.UnpicklingError: it is no storage of a known type.
        """
        kind, dtype, key, *_ = pid
        if kind != "storage" or not isinstance(dtype, _Kind):
            raise pickle.UnpicklingError(f"unknown storage {pid!r:.80}")
        return str(key), dtype.code


def _check_memo(file: BinaryIO) -> None:
    """Refuse a place in the pickle's memo beyond what it can have filled, of ten bytes in all.

    Python makes room for all places before it, 16 bytes each, of up to 2**31
    (https://github.com/python/cpython/issues/115952).
    """
    for count, (code, number, _) in enumerate(genops(file)):
        if code.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(number or 0) > count:
            raise ValueError(f"a pickle whose {count}th part has the number {number}")


def _place(storage: tuple[str, str], offset: int, shape: Any, strides: Any, *_: Any) -> Any:
    return Tensor(*storage, int(offset), tuple(shape), tuple(strides))


def _parameter(tensor: Any, *_: Any) -> Any:
    return tensor


def values_of(tensor: Tensor, storage: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The values of a tensor, of its shape; bfloat16 becomes float32.

    Args:
        tensor: the place, which has the shape of the result.
        storage: all numbers of its storage, (N,), of `tensor.dtype`.

    Raises:
        ValueError: it reaches out of its storage.
    """
    steps = zip(tensor.shape, tensor.strides, strict=True)
    reach = tensor.offset + sum((n - 1) * s for n, s in steps) + 1
    if min((*tensor.shape, *tensor.strides, tensor.offset, 0)) < 0 or (
        0 not in tensor.shape and reach > len(storage)
    ):
        raise ValueError("a tensor reaches out of its storage")
    # Small strides repeat values as often as the shape says, which may be more than memory.
    if prod(tensor.shape) > len(storage):
        raise ValueError("a tensor repeats its values")
    strides = tuple(s * storage.itemsize for s in tensor.strides)
    view = np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides)
    if tensor.code == _BFLOAT16:  # bfloat16 is the upper half of a float32
        return np.asarray(view.astype(np.uint32) << 16).view(np.float32)
    return view.copy()
