"""Zip members and arrays of npz files that unpack to a bounded size, whatever their headers say."""

import errno
import io
import lzma
import math
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from gcl_spec._files.reading import MOST_BYTES, megabytes, open_regular

__all__ = ["BROKEN", "Archive", "Arrays", "most_unpacked"]

# zipfile and NumPy raise all these for damaged files, not only errors of their own.
BROKEN = (
    *(OSError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError),
    *(ValueError, LookupError, ArithmeticError, struct.error, MemoryError, TypeError),
)

_RATIO = 100  # photos do not shrink at all, text to a tenth
_SMALL = 64 * 2**20  # up to this size any ratio is harmless
_SMALL_ARRAY = 256 * 2**20
_MEMBER = b"PK\x03\x04"
_JOINED = (
    "another archive stands before it in the same file, and would not be read; split them, or pack "
    "the files of both into one"
)
_SINGLE = b"\x93NUMPY"
_BLOCK = 2**20
# zipfile unpacks at once what it reads by a method other than deflate: this many bytes give at most
# 100 MB (bzip2).
_BLOCK_OF_OTHERS = 64


def most_unpacked(packed: int, *, small: int = _SMALL) -> int:
    """The bytes that `packed` bytes may unpack to: a hundred times as many, or at least `small`."""
    return max(small, _RATIO * packed)


class _Bounded(io.RawIOBase):
    """The content of a member; `OSError` when more comes than was allowed."""

    def __init__(self, member: zipfile.ZipExtFile, most: int, block: int) -> None:
        self._member, self._most, self._block = member, most, block
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self._member.read(min(len(buffer), self._block))
        self._count += len(data)
        if self._count > self._most:
            raise OSError(errno.EFBIG, "it unpacks to more than its header says")
        buffer[: len(data)] = data
        return len(data)

    def tell(self) -> int:
        return self._count

    def close(self) -> None:
        self._member.close()
        super().close()


class Archive:
    """A zip archive; every method raises one of `BROKEN` where it is damaged."""

    def __init__(self, file: Path | BinaryIO) -> None:
        self._file = open_regular(file) if isinstance(file, Path) else file
        # No member has more bytes, whatever its header says.
        self._size = self._file.seek(0, io.SEEK_END)
        try:
            self._zip = zipfile.ZipFile(self._file)
            first = min((info.header_offset for info in self._zip.infolist()), default=0)
            self._file.seek(0)
            if first and self._file.read(4) == _MEMBER:
                raise zipfile.BadZipFile(_JOINED)
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Close the archive and its file."""
        self._zip.close()
        self._file.close()

    def __del__(self) -> None:
        if hasattr(self, "_zip"):
            self.close()

    def names(self) -> list[str]:
        """The names of all members."""
        return self._zip.namelist()

    def names_and_flags(self) -> Iterator[tuple[str, int]]:
        """Name and flags of all members; the flags say how a name is encoded."""
        return ((info.filename, info.flag_bits) for info in self._zip.infolist())

    def size(self, name: str) -> int:
        """Bytes that a member unpacks to by its header; `KeyError` where there is none."""
        return self._zip.getinfo(name).file_size

    def open(self, name: str, *, small: int = _SMALL) -> io.BufferedReader:
        """A member, open for reading.

        Raises:
            KeyError: there is no member of this name.
            OSError: it would unpack to more than `most_unpacked`.
        """
        info = self._zip.getinfo(name)
        packed = min(info.compress_size, self._size)
        if info.file_size > most_unpacked(packed, small=small):
            raise OSError(
                errno.EFBIG,
                f"it unpacks from {megabytes(packed)} to {megabytes(info.file_size)}, which no "
                f"picture or text does; if you trust it, unpack the archive and name the folder",
            )
        plain = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        member = cast("zipfile.ZipExtFile", self._zip.open(info))
        if not plain:
            member.MIN_READ_SIZE = _BLOCK_OF_OTHERS
        block = _BLOCK if plain else _BLOCK_OF_OTHERS
        return io.BufferedReader(_Bounded(member, info.file_size, block), _BLOCK)

    def read(self, name: str, *, most: int = MOST_BYTES) -> bytes:
        """The content of a member.

        Raises:
            KeyError: there is no member of this name.
            OSError: it has more than `most` bytes, or is refused by `open`.
        """
        size = self.size(name)
        if size > most:
            raise OSError(
                errno.EFBIG, f"it unpacks to {megabytes(size)}; at most {megabytes(most)} fit"
            )
        with self.open(name) as file:
            return file.read(size + 1)


class Arrays:
    """An npz file's arrays by name, without pickles; members that are no arrays are left alone.

    Every method raises one of `BROKEN` for what is damaged.
    """

    def __init__(self, file: Path | BinaryIO) -> None:
        opened = open_regular(file) if isinstance(file, Path) else file
        if opened.read(len(_SINGLE)) == _SINGLE:
            opened.close()
            raise ValueError("it is one array of np.save; write several with np.savez")
        self._archive = Archive(opened)
        members = (name for name in self._archive.names() if name.endswith(".npy"))
        self.names = tuple(name.removesuffix(".npy") for name in members)

    def __enter__(self) -> "Arrays":
        return self

    def __exit__(self, *error: object) -> None:
        self._archive.close()

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """The array of a name; its header is held to the member's size before it is made."""
        member = f"{name}.npy"
        size = self._archive.size(member)
        with self._archive.open(member, small=_SMALL_ARRAY) as file:
            shape, by_columns, dtype = _header(file)
            count = math.prod(shape)
            if count * dtype.itemsize != size - file.tell() or count > size:
                raise ValueError(
                    f"array {name!r} of {dtype} {shape} does not fit its member of {size} bytes"
                )
            flat = np.empty(count, dtype)
            if count and file.readinto(flat.view(np.uint8).data) != flat.nbytes:
                raise EOFError(f"array {name!r} is cut off")
            file.read(1)  # at the end the member's checksum is compared
        return flat.reshape(shape, order="F" if by_columns else "C")


def _header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """The shape of an array, whether it lies column by column, and its dtype."""
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    version = np.lib.format.read_magic(file)
    if version not in readers:
        raise ValueError(f"arrays of format {version} are not read; write plain ones with np.savez")
    try:
        shape, by_columns, dtype = readers[version](file)
    except Exception as error:  # NumPy raises many kinds, also those of Python's own parser
        raise ValueError(f"not the header of an array: {error}") from error
    if dtype.hasobject:
        raise ValueError("it holds pickled objects, which are not read; write plain arrays")
    if any(n < 0 for n in shape):
        raise ValueError(f"an array of shape {shape}")
    return shape, by_columns, dtype
