"""JSON lines with errors that name file and line."""

import json
from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import Any

from gcl_spec.data.root import Root
from gcl_spec.errors import DataError

__all__ = ["read_jsonl", "read_rows", "read_text"]


def read_text(root: Root, path: str) -> str:
    """The file as UTF-8 text."""
    try:
        return root.read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{root.name}: {path} is not UTF-8 text: {error}") from error


def read_jsonl(root: Root, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, object) of every line that is not empty; place is "path:line" for errors."""
    for place, record in read_rows(root, path):
        if isinstance(record, DataError):
            raise record
        yield place, record


def read_rows(root: Root, path: str) -> Iterator[tuple[str, dict[str, Any] | DataError]]:
    """As `read_jsonl`, with the error in the place of a line that is no object."""
    # Not splitlines: JSON strings may hold U+2028 and other separators as they are.
    for number, line in enumerate(root.read_bytes(path).split(b"\n"), 1):
        if line.strip():
            place = f"{root.name}: {path}:{number}"
            yield place, _parse(place, line.removeprefix(BOM_UTF8) if number == 1 else line)


def _parse(place: str, line: bytes) -> dict[str, Any] | DataError:
    try:
        record = json.loads(line.decode())
        json.dumps(record, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except UnicodeDecodeError as error:
        return DataError(f"{place}: not UTF-8 text: {error}")
    except (ValueError, RecursionError) as error:
        return DataError(f"{place}: not JSON: {error}")
    if not isinstance(record, dict):
        return DataError(f'{place}: a line must be an object like {{"id": ...}}')
    return record
