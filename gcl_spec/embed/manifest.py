"""manifest.json of a folder of embeddings, which is there when all shards are.

It names the model, the preprocessing and the data by hashes, and every shard by its checksums. The
items without a row stand in absent.jsonl, too.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gcl_spec._files.atomic import atomic_write
from gcl_spec._files.os_errors import tidying
from gcl_spec._files.reading import parse_json, read_regular, reason
from gcl_spec.embed.maker import Maker
from gcl_spec.embed.shards import Head, head_of, lines_of, list_path
from gcl_spec.errors import DataError

__all__ = ["ABSENT", "MANIFEST", "Manifest", "read_manifest", "remove_manifest", "write_manifest"]

MANIFEST, ABSENT = "manifest.json", "absent.jsonl"
_FORMAT = "gcl-spec/embeddings-1"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a folder of embeddings holds.

    about: what was embedded, such as the name of a benchmark, for those who read the folder.
    shards: the hash of each shard's items and files, of its rows, and of its lines.
    """

    maker: Maker
    about: Mapping[str, str]
    width: int
    items: int
    rows: int
    modalities: Mapping[str, int]
    shards: Sequence[tuple[str, str, str]]

    def to_bytes(self) -> bytes:
        """The content of the file, with a hash of itself."""
        record = {
            "format": _FORMAT,
            "maker": self.maker.to_json(),
            "about": dict(self.about),
            "data": hashlib.sha256("".join(x[0] for x in self.shards).encode()).hexdigest(),
            "width": self.width,
            "items": self.items,
            "rows": self.rows,
            "absent": self.items - self.rows,
            "modalities": dict(self.modalities),
            "shards": list(map(list, self.shards)),
        }
        own = hashlib.sha256(json.dumps(record).encode()).hexdigest()
        return (json.dumps({**record, "sha256": own}, indent=1) + "\n").encode()

    def holds(self, number: int, head: Head | None) -> bool:
        """Is this the head of its shard `number`?"""
        return head is not None and _sums(head) == tuple(self.shards[number])


def write_manifest(folder: Path, count: int, maker: Maker, about: Mapping[str, str]) -> Manifest:
    """Write the manifest, and the list of items without a row, once all shards are there.

    Args:
        folder: where the shards are.
        count: the number of shards.
        maker: what made the rows.
        about: what was embedded.

    Raises:
        DataError: a shard is damaged, or no item has a row.
        FileError: a file cannot be written.
    """
    heads: list[Head] = []
    modalities: Counter[str] = Counter()
    absent: list[str] = []
    for number in range(count):
        head = head_of(list_path(folder, number))
        if head is None:
            raise DataError(f"{list_path(folder, number)} is missing; run the same command again")
        for place, line in enumerate(lines_of(list_path(folder, number), head), head.first):
            if line.absent:
                record = {"number": place, "id": line.id, "modality": line.modality}
                absent.append(json.dumps({**record, "absent": line.absent}) + "\n")
            else:
                modalities[line.modality] += 1
        heads.append(head)
    if not modalities:
        why = json.loads(absent[0])["absent"] if absent else "there is none"
        raise DataError(f"no item can be embedded: {why}")
    manifest = Manifest(
        maker=maker,
        about=about,
        width=max(head.width for head in heads),
        items=sum(head.items for head in heads),
        rows=sum(head.rows for head in heads),
        modalities=dict(sorted(modalities.items())),
        shards=tuple(map(_sums, heads)),
    )
    _write(folder / ABSENT, "".join(absent).encode())
    _write(folder / MANIFEST, manifest.to_bytes())
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder.

    Raises:
        DataError: there is none, because the folder holds no embeddings or not yet all of them, or
            it is damaged.
    """
    path = folder / MANIFEST
    try:
        content = read_regular(path)
        record: dict[str, Any] = parse_json(content)
        manifest = Manifest(
            maker=Maker.from_json(record["maker"]),
            about={str(name): str(value) for name, value in record["about"].items()},
            width=int(record["width"]),
            items=int(record["items"]),
            rows=int(record["rows"]),
            modalities={str(name): int(n) for name, n in record["modalities"].items()},
            shards=tuple((str(a), str(b), str(c)) for a, b, c in record["shards"]),
        )
        if manifest.to_bytes() != content:
            raise ValueError("it is not as it was written")
    except FileNotFoundError as error:
        begun = list_path(folder, 0).exists()
        what = "not complete" if begun else "no folder of embeddings"
        raise DataError(
            f"{folder}: {what} (no {MANIFEST}); `gcl embed RUN DATA {folder}` makes them, and goes "
            "on where it was ended"
        ) from error
    except (OSError, ArithmeticError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: cannot read it: {reason(error)}; run the same `gcl embed` again"
        ) from error
    return manifest


def remove_manifest(folder: Path) -> None:
    """Remove the manifest and the list of items without a row, before shards change."""
    for name in (MANIFEST, ABSENT):
        with tidying("remove", folder / name):
            (folder / name).unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    """Write a file, unless it has this content already."""
    try:
        if read_regular(path) == content:
            return
    except OSError:
        pass
    with atomic_write(path, size=len(content)) as file:
        file.write(content)


def _sums(head: Head) -> tuple[str, str, str]:
    return head.data, head.rows_sha256, head.lines


def heads_in(folder: Path) -> Iterable[tuple[Path, Head | None]]:
    """The lists of shards in a folder with their heads, None for damaged ones."""
    for path in sorted(folder.glob("rows-*.jsonl")):
        try:
            yield path, head_of(path)
        except DataError:
            yield path, None
