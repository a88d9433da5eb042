"""Safetensors files with a checksum over every byte, and the same bytes for the same content.

The safetensors library keeps no checksum and writes metadata in any order. The header of these
files begins with `{"__metadata__":{"file_sha256":"`, 64 digits, and has the rest in a fixed order;
the digits are the SHA-256 of all other bytes, the eight of the header's length among them.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

__all__ = ["seal", "seal_fits"]

_OPENING = b'{"__metadata__":{"file_sha256":"'
_LENGTH, _DIGITS, _ALIGNED = 8, 64, 8
_CHUNK = 1 << 20
_NAMES = {
    "float64": "F64", "float32": "F32", "float16": "F16",
    "int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8",
    "uint64": "U64", "uint32": "U32", "uint16": "U16", "uint8": "U8",
}  # fmt: skip


def seal(
    arrays: Mapping[str, npt.NDArray[np.generic]], metadata: Mapping[str, str]
) -> list[bytes | memoryview]:
    """The parts of a file, to be written one after another; no array in memory is copied.

    Args:
        arrays: numbers of up to 64 bits, of any shape.
        metadata: texts by name; "file_sha256" is none of them, because it is added here.

    Raises:
        ValueError: an array of another dtype.
    """
    # Arrays of large items come first, so that all lie at multiples of their size.
    names = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))
    raw = [_raw(arrays[name]) for name in names]
    header: dict[str, object] = {
        "__metadata__": {"file_sha256": "", **dict(sorted(metadata.items()))}
    }
    end = 0
    for name, data in zip(names, raw, strict=True):
        dtype = arrays[name].dtype.name
        if dtype not in _NAMES:
            raise ValueError(f"{name!r} is {dtype}, which safetensors cannot hold")
        begin, end = end, end + len(data)
        header[name] = {
            "dtype": _NAMES[dtype],
            "shape": list(arrays[name].shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    rest = text[len(_OPENING) :]
    size = len(text) + _DIGITS
    blanks = b" " * (-size % _ALIGNED)
    first = (size + len(blanks)).to_bytes(_LENGTH, "little") + _OPENING
    digest = hashlib.sha256(first + rest + blanks)
    for data in raw:
        digest.update(data)
    return [first + digest.hexdigest().encode() + rest + blanks, *raw]


def seal_fits(path: Path) -> bool | None:
    """Is every byte of a file as it was written? None for a file that has no such checksum.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        first = file.read(_LENGTH + len(_OPENING))
        if first[_LENGTH:] != _OPENING:
            return None
        kept = file.read(_DIGITS)
        digest = hashlib.sha256(first)
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return kept == digest.hexdigest().encode()


def _raw(x: npt.NDArray[np.generic]) -> memoryview:
    little = np.ascontiguousarray(x.astype(x.dtype.newbyteorder("<"), copy=False))
    return little.reshape(-1).view(np.uint8).data
