"""Reads JSON lines, with errors that name file and line."""

import errno
import json
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from io import SEEK_END
from typing import Any

from gcl_spec._files.packed import BROKEN
from gcl_spec._files.reading import megabytes, parse_json, reason
from gcl_spec._words import LFS_POINTER, is_lfs_pointer
from gcl_spec.data.root import Root
from gcl_spec.errors import DataError

__all__ = ["check_malformed", "read_jsonl", "read_rows", "read_text"]

_BLOCK = 2**20
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_SIXTEEN_BITS = (BOM_UTF16_LE, BOM_UTF16_BE, b"{\0", b"[\0", b"\0{", b"\0[")
_MOST_MALFORMED = 100_000
_MOST_BLANK = 1_000_000
_LONGEST_LINE = 64 * 2**20
_LONGEST_TEXT = 4 * 2**30  # bytes; LLaVA's largest files have a quarter of this


def read_text(root: Root, path: str) -> str:
    """The file as UTF-8 text; a `DataError` where it is none, or longer than any such file is."""
    data = b"".join(_blocks(root, path))
    if is_lfs_pointer(data):
        raise DataError(f"{root.name}: {path}: {LFS_POINTER}")
    _check_encoding(root, path, data)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{root.name}: {path} is not UTF-8 text: {error}") from error


def read_jsonl(root: Root, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Place and object of every line that is not empty; the place is "path:line" for errors.

    Raises:
        DataError: a line is no object, or the file cannot be read.
    """
    for place, record in read_rows(root, path):
        if isinstance(record, DataError):
            raise record
        yield place, record


def read_rows(root: Root, path: str) -> Iterator[tuple[str, dict[str, Any] | DataError]]:
    """Place and object of every line, as `read_jsonl` gives them, or the error of a line.

    Raises:
        DataError: the file cannot be read, or holds nothing but blank lines for long.
    """
    blank = 0
    for number, line in enumerate(_lines(root, path), 1):
        if number == 1 and is_lfs_pointer(line):
            raise DataError(f"{root.name}: {path}: {LFS_POINTER}")
        if number == 1:
            _check_encoding(root, path, line)
        if not line.strip():
            blank += 1
            if blank > _MOST_BLANK and 2 * blank > number:
                raise DataError(f"{root.name}: {path}: {blank:,} of {number:,} lines are blank")
        else:
            place = f"{root.name}: {path}:{number}"
            yield place, _parse(place, line.removeprefix(BOM_UTF8) if number == 1 else line)


def check_malformed(name: str, malformed: int, count: int, error: DataError) -> None:
    """Give up a file that is something else, because each malformed line takes memory.

    Raises:
        DataError: over 100,000 of `count` lines or entries so far, and over half, are malformed.
    """
    if malformed > _MOST_MALFORMED and 2 * malformed > count:
        raise DataError(
            f"{name}: {malformed:,} of the first {count:,} samples are malformed ({error}); is it "
            "a file of another kind?"
        )


def _check_encoding(root: Root, path: str, beginning: bytes) -> None:
    if beginning.startswith(_SIXTEEN_BITS):
        raise DataError(
            f"{root.name}: {path}: UTF-16 or UTF-32 text, as Windows writes it; save it as UTF-8"
        )


def _blocks(root: Root, path: str) -> Iterator[bytes]:
    try:
        with root.open(path) as file:
            if file.seekable() and file.seek(0, SEEK_END) > _LONGEST_TEXT:
                raise _too_long()
            if file.seekable():
                file.seek(0)
            left = _LONGEST_TEXT
            while block := file.read(_BLOCK):
                left -= len(block)
                if left < 0:
                    raise _too_long()
                yield block
    except BROKEN as error:
        raise _unreadable(root, path, error) from error


def _too_long() -> OSError:
    return OSError(errno.EFBIG, f"it has more than {megabytes(_LONGEST_TEXT)}")


def _lines(root: Root, path: str) -> Iterator[bytes]:
    # `splitlines` will not do: JSON strings may hold U+2028 and other separators as they are.
    try:
        with root.open(path) as file:
            number = 1
            while line := file.readline(_LONGEST_LINE + 1):
                if len(line) > _LONGEST_LINE:
                    raise OSError(
                        errno.EFBIG,
                        f"line {number} has more than {megabytes(_LONGEST_LINE)}; wanted a line a "
                        "sample, with pictures in files of their own",
                    )
                yield line
                number += 1
    except BROKEN as error:
        raise _unreadable(root, path, error) from error


def _unreadable(root: Root, path: str, error: Exception) -> DataError:
    if isinstance(error, DataError):
        return error
    return DataError(f"{root.name}: cannot read {path!r}: {reason(error)}")


def _parse(place: str, line: bytes) -> dict[str, Any] | DataError:
    try:
        record = parse_json(line.decode())
        if _SURROGATE.search(line):  # half a pair is no text
            json.dumps(record, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        return DataError(f"{place}: not UTF-8 text: {error}")
    except ValueError as error:
        return DataError(f"{place}: not JSON: {error}")
    if not isinstance(record, dict):
        return DataError(f'{place}: a line must be an object like {{"id": ...}}')
    return record
