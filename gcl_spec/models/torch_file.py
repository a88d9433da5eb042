"""Reads state dicts as versions of torch before 1.6 wrote them, without torch.

The file is a row of pickles (magic number, version, machine, the dictionary with its tensors'
places, the keys of their storages) and then the storages: 8 bytes for the number of values, and the
values. Of what a pickle names, only that is called which rebuilds a tensor.
"""

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from gcl_spec.errors import DataError

__all__ = ["read_state_dict"]

_MAGIC = 0x1950A86A20F9469CFC6C
_DTYPES = {"DoubleStorage": "<f8", "FloatStorage": "<f4", "LongStorage": "<i8"}


def read_state_dict(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """The tensors of a file by name, of the shapes that they have there.

    Raises:
        DataError: it is no such file, is damaged, or holds anything but tensors.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except (OSError, pickle.UnpicklingError, ValueError, EOFError, TypeError) as error:
        raise DataError(f"{path}: not a readable torch state dict: {error}") from error


class _Tensor(NamedTuple):
    """The place of a tensor's values."""

    key: str
    dtype: np.dtype[Any]
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """What rebuilds tensors and dictionaries; an `UnpicklingError` for any other name."""
        if module == "torch" and name in _DTYPES:
            return np.dtype(_DTYPES[name])
        allowed = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _place,
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is no tensor")
        return allowed[module, name]

    def persistent_load(self, pid: Any) -> tuple[str, np.dtype[Any]]:
        """The key and type of a storage."""
        kind, dtype, key, *_ = pid
        if kind != "storage" or not isinstance(dtype, np.dtype):
            raise pickle.UnpicklingError(f"unknown storage {pid!r}")
        return str(key), dtype


def _place(
    storage: tuple[str, np.dtype[Any]], offset: int, shape: Any, strides: Any, *_: Any
) -> Any:
    return _Tensor(*storage, int(offset), tuple(shape), tuple(strides))


def _read(file: BinaryIO) -> dict[str, np.ndarray[Any, Any]]:
    magic, _version, _machine, tensors, keys = (_Reader(file).load() for _ in range(5))
    if magic != _MAGIC:
        raise ValueError("it does not begin as one")
    if not isinstance(tensors, dict) or not all(isinstance(x, _Tensor) for x in tensors.values()):
        raise ValueError("it holds more than names and tensors")
    dtypes = {x.key: x.dtype for x in tensors.values()}
    storages = {}
    for key in keys:
        count = int.from_bytes(file.read(8), "little")
        if key not in dtypes:
            raise ValueError(f"no tensor lies in storage {key}")
        data = file.read(count * dtypes[key].itemsize)
        storages[key] = np.frombuffer(data, dtypes[key], count=count)
    return {str(name): _values(x, storages[x.key]) for name, x in tensors.items()}


def _values(tensor: _Tensor, storage: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    steps = zip(tensor.shape, tensor.strides, strict=True)
    reach = tensor.offset + sum((n - 1) * s for n, s in steps) + 1
    if min((*tensor.shape, *tensor.strides, tensor.offset, 0)) < 0 or (
        0 not in tensor.shape and reach > len(storage)
    ):
        raise ValueError("a tensor reaches out of its storage")
    strides = tuple(s * storage.itemsize for s in tensor.strides)
    view = np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides)
    return view.copy()
