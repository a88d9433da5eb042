"""Files of others, read without waiting, in a bounded size, with the errors of every parser."""

import errno
import json
import os
import stat
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any, BinaryIO

__all__ = [
    "MOST_BYTES",
    "is_file",
    "is_folder",
    "megabytes",
    "open_regular",
    "parse_json",
    "parse_json_at",
    "parse_toml",
    "read_regular",
    "reason",
    "regular",
]

MOST_BYTES = 512 * 2**20
"""The largest file that is read whole: more than a picture at Pillow's limit of pixels takes."""

_DEEPEST = 32  # levels of tables and lists in each other; no TOML file of options has over three
_WORDS = (
    (stat.S_ISDIR, "it is a folder, not a file"),
    (stat.S_ISFIFO, "it is a pipe, not a regular file"),
    (stat.S_ISSOCK, "it is a socket, not a regular file"),
    (stat.S_ISCHR, "it is a device, not a regular file"),
    (stat.S_ISBLK, "it is a device, not a regular file"),
)
# Windows opens text files otherwise, and has no pipes among its files.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def is_file(path: str | Path) -> bool:
    """Is there a regular file? False for names that no file system takes: with NUL, or too long."""
    return os.path.isfile(path)  # noqa: PTH113  # Path.is_file raises for these names


def is_folder(path: str | Path) -> bool:
    """Is there a folder? False for names that no file system takes."""
    return os.path.isdir(path)  # noqa: PTH112  # Path.is_dir raises for these names


def regular(path: Path) -> Path:
    """The path, which must be that of a regular file: opening a pipe, for one, may wait for ever.

    Raises:
        OSError: it is missing, or a folder, pipe, socket or device; `strerror` says so.
    """
    try:
        _refuse(path.stat())
    except ValueError as error:  # NUL, half of a surrogate pair
        raise OSError(errno.EINVAL, "no file system takes this name", str(path)) from error
    return path


def open_regular(path: Path) -> BinaryIO:
    """A regular file, open for reading; an `OSError` says what else stands there (`regular`)."""
    # It is checked before it is opened, because opening alone acts on some devices, and again
    # after, because another process may have put something else there in between.
    number = os.open(regular(path), _FLAGS)
    try:
        _refuse(os.fstat(number))
        return os.fdopen(number, "rb")
    except BaseException:
        os.close(number)
        raise


def read_regular(path: Path, *, most: int = MOST_BYTES) -> bytes:
    """The content of a regular file.

    Raises:
        OSError: it is no regular file, cannot be read, or has more than `most` bytes.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise OSError(errno.EFBIG, f"it has {megabytes(size)}; at most {megabytes(most)} fit")
        return file.read(size)


def megabytes(count: int) -> str:
    """A number of bytes as messages name it, such as "1.5 MB"."""
    return f"{count / 1e6:,.1f} MB"


def reason(error: Exception) -> str:
    """What an error says, without its number and the file's name, and never an empty text."""
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or str(error) or type(error).__name__


def _refuse(status: os.stat_result) -> None:
    for is_kind, words in _WORDS:
        if is_kind(status.st_mode):
            raise OSError(errno.EINVAL, words)


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is no JSON, cannot be held in memory, or has a name twice in one object, of
            which one value would be lost. No other error is raised.
    """
    try:
        if isinstance(text, str):  # json.loads would make a new decoder each time
            return _DECODER.decode(text)
        return json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError, MemoryError) as error:
        raise ValueError(_why(error)) from error


def parse_json_at(text: str, at: int) -> tuple[Any, int]:
    """The JSON value that begins at a character, and the place where it ends.

    Raises:
        ValueError: it is refused by `parse_json`.
    """
    try:
        return _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError, MemoryError) as error:
        raise ValueError(_why(error)) from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise ValueError(f"the name {twice[:40]!r} stands twice in one object")
    return values


_DECODER = json.JSONDecoder(object_pairs_hook=_object)


def parse_toml(text: str) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        ValueError: it nests too deeply, or holds an integer of more than 64 bits; its subclass
            `tomllib.TOMLDecodeError` where the text is no TOML.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except (ValueError, RecursionError, MemoryError) as error:
        raise ValueError(_why(error)) from error
    level: list[Any] = [document]
    for _ in range(_DEEPEST):
        if not level:
            return document
        for value in level:
            if isinstance(value, int) and not -(2**63) <= value < 2**63:
                raise ValueError("an integer in it has more than 64 bits")
        tables = (x.values() if isinstance(x, dict) else x for x in level if isinstance(x, _INNER))
        level = [value for table in tables for value in table]
    raise ValueError(_NESTED)


_INNER = (dict, list)
_NESTED = "its brackets or tables are nested too deeply"


def _why(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return _NESTED
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    # Python limits the digits of an integer itself, and its message advises to change the
    # interpreter's limit.
    return "an integer in it has too many digits" if "integer string" in str(error) else str(error)
