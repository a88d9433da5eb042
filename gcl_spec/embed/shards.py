"""The files of embedded items: shards of rows, each with a list that says whose they are.

rows-000000.npy      (R, D) float32 or float16, unit rows
rows-000000.jsonl    a head, a line for each item of the shard, and the checksum of both files

A shard is whole when its list is there and fits: the list is written last and names the checksum of
the rows. The lines are those of the items in order; one that could not be embedded has a reason,
"absent", and no row. Equal items, model and size of shards give equal bytes.
"""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gcl_spec._files.atomic import atomic_write
from gcl_spec._files.reading import open_regular, parse_json, reason
from gcl_spec._typing import FloatArray
from gcl_spec.embed.entry import Entry, key_of
from gcl_spec.embed.maker import Maker
from gcl_spec.errors import DataError

__all__ = [
    "NAMES",
    "Head",
    "Line",
    "head_of",
    "list_path",
    "lines_of",
    "number_of",
    "rows_fit",
    "rows_path",
    "write_shard",
]

_FORMAT = "gcl-spec/rows-1"
_CHUNK = 1 << 20
NAMES = r"rows-\d{6,}\.(npy|jsonl)"
"""The names of all files of shards."""


@dataclass(frozen=True, slots=True)
class Head:
    """The first line of a shard's list.

    data: the hash of its items and of the files that they name. first: the number of its first item
    in the whole listing. width: D. rows_sha256: that of the file of rows. lines: the hash of the
    lines of its items.
    """

    maker: Maker
    data: str
    first: int
    items: int
    rows: int
    width: int
    rows_sha256: str
    lines: str

    def to_bytes(self) -> bytes:
        """The line, with a hash of itself."""
        record = {"format": _FORMAT, **_plain(self)}
        return json.dumps({**record, "sha256": _own_hash(record)}).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Line:
    """An item of a shard: its id, modality, key (`key_of`), why it has no row, and its role."""

    id: str
    modality: str
    key: str
    absent: str = ""
    role: str = ""


def rows_path(folder: Path, number: int) -> Path:
    """The file of a shard's rows."""
    return folder / f"rows-{number:06d}.npy"


def list_path(folder: Path, number: int) -> Path:
    """The file that lists the items of a shard, by which its rows are known."""
    return folder / f"rows-{number:06d}.jsonl"


def number_of(path: Path) -> int:
    """The number of the shard that a file belongs to."""
    return int(path.stem.partition("-")[2])


def write_shard(
    folder: Path,
    number: int,
    maker: Maker,
    entries: Sequence[Entry],
    rows_RD: FloatArray,
    absent: Mapping[int, str],
    data: str,
) -> Head:
    """Write the two files of a shard: first its rows, then its list.

    Args:
        folder: where they go.
        number: the number of the shard.
        maker: what made the rows.
        entries: the items of the shard.
        rows_RD: (R, D), the rows of those that have one, in order.
        absent: the reasons of the others, by their place among the entries.
        data: the hash of the entries and of their files.

    Raises:
        FileError: a file cannot be written.
    """
    buffer = io.BytesIO()
    np.save(buffer, rows_RD.astype(f"<f{np.dtype(maker.dtype).itemsize}"), allow_pickle=False)
    content = buffer.getvalue()
    lines = b"".join(
        _line(Line(x.id, x.modality, key_of(x.content, x.role), absent.get(n, ""), x.role))
        for n, x in enumerate(entries)
    )
    head = Head(
        maker=maker,
        data=data,
        first=number * maker.size,
        items=len(entries),
        rows=len(rows_RD),
        width=rows_RD.shape[1],
        rows_sha256=hashlib.sha256(content).hexdigest(),
        lines=hashlib.sha256(lines).hexdigest(),
    )
    with atomic_write(rows_path(folder, number), size=len(content)) as file:
        file.write(content)
    with atomic_write(list_path(folder, number)) as file:
        file.write(head.to_bytes() + lines)
    return head


def head_of(path: Path) -> Head | None:
    """The head of a list; None where there is no such file.

    Raises:
        DataError: it is damaged, or is none of this format.
    """
    try:
        with open_regular(path) as file:
            record = parse_json(file.readline())
        own = record.pop("sha256")
        if record.pop("format") != _FORMAT or own != _own_hash({"format": _FORMAT, **record}):
            raise ValueError("its hash does not fit")
        return Head(**{**record, "maker": Maker.from_json(record["maker"])})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path, error) from error


def lines_of(path: Path, head: Head) -> list[Line]:
    """The items of a shard.

    Raises:
        DataError: they are not as they were written.
    """
    try:
        with open_regular(path) as file:
            file.readline()
            content = file.read()
        if hashlib.sha256(content).hexdigest() != head.lines:
            raise ValueError("its lines are not as they were written")
        return [Line(**parse_json(line)) for line in content.splitlines()]
    except (OSError, ValueError, TypeError) as error:
        raise _damaged(path, error) from error


def rows_fit(path: Path, head: Head) -> bool:
    """Is every byte of a file of rows as it was written?"""
    digest = hashlib.sha256()
    try:
        with open_regular(path) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return False
    return digest.hexdigest() == head.rows_sha256


def lines_fit(path: Path, head: Head) -> bool:
    """Are the lines of a list as they were written?"""
    try:
        lines_of(path, head)
    except DataError:
        return False
    return True


def _line(line: Line) -> bytes:
    record = {"id": line.id, "modality": line.modality, "key": line.key}
    if line.absent:
        record["absent"] = line.absent
    if line.role:
        record["role"] = line.role
    return json.dumps(record).encode() + b"\n"


def _plain(head: Head) -> dict[str, Any]:
    names = ("data", "first", "items", "rows", "width", "rows_sha256", "lines")
    return {"maker": head.maker.to_json(), **{name: getattr(head, name) for name in names}}


def _own_hash(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record).encode()).hexdigest()


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path}: not a list of embedded rows as it was written ({reason(error)}); `gcl embed` "
        "with the same arguments computes the shard again"
    )
