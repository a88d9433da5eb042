"""Reads the files of `torch.save`, without torch.

Since torch 1.6 a file is a zip archive: data.pkl, a pickle of the dictionary with its tensors'
places, and data/0, data/1, ..., the storages. Before, it was a row of pickles (magic number,
version, machine, the dictionary, the keys of the storages) and then the storages: 8 bytes for the
number of values, and the values. `gcl_spec.models.torch_pickle` reads the pickles, and runs nothing
of them.
"""

import pickle
import zipfile
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import numpy as np

from gcl_spec._files.reading import megabytes, open_regular, reason
from gcl_spec._words import LFS_POINTER, is_lfs_pointer, one_line
from gcl_spec.errors import DataError
from gcl_spec.models.torch_pickle import Reader, Tensor, values_of

__all__ = ["read_state_dict", "tensor_shapes"]

_MAGIC = 0x1950A86A20F9469CFC6C
_ZIP = b"PK\x03\x04"
_WRAPPERS = ("state_dict", "model_state_dict", "model", "module")
_MOST_SHARED = 8  # times as many values as there are; TinyCLIP's files hold each tensor twice
_MOST_PICKLE = 2**26  # bytes; names and places of a model's tensors are less than a megabyte

_BAD = (
    *(OSError, pickle.UnpicklingError, zipfile.BadZipFile, EOFError, TypeError, ValueError),
    *(LookupError, AttributeError, RuntimeError, NotImplementedError, MemoryError, OverflowError),
)

T = TypeVar("T")
Arrays = dict[str, np.ndarray[Any, Any]]


def read_state_dict(path: Path) -> Arrays:
    """The tensors of a file by name, of the shapes that they have there.

    They may be wrapped, as trainers do it: in {"state_dict": ...}, and what lies beside it, such as
    the epoch and the state of an optimiser, is left out. bfloat16 becomes float32.

    Raises:
        DataError: it is no such file, is damaged, or holds a name that is no tensor's.
    """
    return _read(path, _zip_values, _old_values)


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of the tensors by name; of a file since torch 1.6 no value is read.

    Raises:
        DataError: `read_state_dict` would refuse it.
    """
    return _read(path, _zip_shapes, lambda file: {n: x.shape for n, x in _old_values(file).items()})


def _read(path: Path, of_zip: Callable[[zipfile.ZipFile], T], of_old: Callable[[BinaryIO], T]) -> T:
    try:
        with open_regular(path) as file:
            beginning = file.read(64)
            file.seek(0)
            if is_lfs_pointer(beginning):
                raise ValueError(LFS_POINTER)
            if not beginning.startswith(_ZIP):
                return of_old(file)
            with zipfile.ZipFile(file) as archive:
                return of_zip(archive)
    except _BAD as error:
        raise DataError(
            f"{path}: not a readable torch state dict: {one_line(reason(error))}"
        ) from error


def _zip_values(archive: zipfile.ZipFile) -> Arrays:
    tensors, members = _zip_tensors(archive)
    storages: Arrays = {}
    for x in tensors.values():
        if x.key not in storages:
            storages[x.key] = np.frombuffer(archive.read(members[x.key]), x.dtype)
    return _filled(tensors, storages)


def _zip_shapes(archive: zipfile.ZipFile) -> dict[str, tuple[int, ...]]:
    return {name: x.shape for name, x in _zip_tensors(archive)[0].items()}


def _zip_tensors(
    archive: zipfile.ZipFile,
) -> tuple[dict[str, Tensor], dict[str, zipfile.ZipInfo]]:
    """The places of the tensors by name, and the members of the archive by storage."""
    infos = archive.infolist()
    for info in infos:
        if info.compress_type != zipfile.ZIP_STORED:  # a small file could become a large one
            raise ValueError(
                f"its member {info.filename[:80]!r} is compressed, as torch never does"
            )
    pickles = [info for info in infos if info.filename.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise ValueError("a zip archive without the one data.pkl of torch.save")
    top = pickles[0].filename.removesuffix("data.pkl")
    if any(info.filename.startswith(f"{top}code/") for info in infos):
        raise ValueError(
            "a TorchScript program, as OpenAI published CLIP, which is never run; take the model "
            "in the layout of transformers, or as a state dict"
        )
    order = next((info for info in infos if info.filename == f"{top}byteorder"), None)
    if order is not None and archive.read(order) != b"little":
        raise ValueError("written by a machine with another order of bytes; write it anew")
    if pickles[0].file_size > _MOST_PICKLE:
        raise ValueError(f"its data.pkl has {megabytes(pickles[0].file_size)}")
    if sum(info.file_size for info in infos) > archive.start_dir:
        raise ValueError("its members lie in the same bytes, and would grow")
    with archive.open(pickles[0]) as file:
        tensors = _unwrapped(Reader(cast("BinaryIO", file)).load())
    members = {info.filename.removeprefix(f"{top}data/"): info for info in infos}
    lacking = next((x.key for x in tensors.values() if x.key not in members), None)
    if lacking is not None:
        raise ValueError(f"no storage {lacking[:80]!r}")
    return tensors, members


def _old_values(file: BinaryIO) -> Arrays:
    magic, _version, _machine, content, keys = (Reader(file).load() for _ in range(5))
    if magic != _MAGIC:
        raise ValueError("it does not begin as one")
    tensors = _unwrapped(content)
    dtypes = {x.key: x.dtype for x in tensors.values()}
    storages = {}
    for key in keys:
        count = int.from_bytes(file.read(8), "little")
        if key not in dtypes:
            raise ValueError(f"no tensor lies in storage {key}")
        data = file.read(count * dtypes[key].itemsize)
        storages[key] = np.frombuffer(data, dtypes[key], count=count)
    return _filled(tensors, storages)


def _filled(tensors: dict[str, Tensor], storages: Arrays) -> Arrays:
    """The values of all tensors, of which some may share a storage, as tied weights do."""
    wanted = sum(prod(x.shape) * x.dtype.itemsize for x in tensors.values())
    if wanted > _MOST_SHARED * sum(x.nbytes for x in storages.values()):
        raise ValueError(f"it repeats its values, up to {megabytes(wanted)}")
    return {name: values_of(x, storages[x.key]) for name, x in tensors.items()}


def _unwrapped(content: Any) -> dict[str, Tensor]:
    """The tensors by name of a dictionary, or of the one in it that a trainer put there."""
    inner = (
        [x for name, x in content.items() if name in _WRAPPERS] if isinstance(content, dict) else []
    )
    if len(inner) == 1 and isinstance(inner[0], dict):
        content = inner[0]
    if not isinstance(content, dict) or not all(isinstance(x, Tensor) for x in content.values()):
        raise ValueError("it holds more than names and tensors")
    return {str(name): x for name, x in content.items()}
