"""Samples in tar shards, as img2dataset and webdataset write them: KEY.jpg, KEY.txt, KEY.json."""

import hashlib
import json
import tarfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gcl_spec._files import atomic_write
from gcl_spec.data.pairs import Sample
from gcl_spec.data.root import FolderRoot
from gcl_spec.errors import CheckpointError, DataError

__all__ = ["TarRoot", "read_tars"]

_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tiff")
_INDEX_VERSION = 1


def read_tars(files: Sequence[Path], cache: Path) -> tuple["TarRoot", tuple[Sample, ...]]:
    """Samples of all shards, and the root that reads their pictures.

    Members with one name up to its first dot are one sample; its caption is that of KEY.json, or
    KEY.txt. A shard is read through once; its index is kept in `cache` until the shard changes.

    Raises:
        DataError: a damaged or cut-off shard, or a malformed caption.
    """
    samples: list[Sample] = []
    places: dict[str, tuple[int, int, int]] = {}
    for number, file in enumerate(files):
        for key, entry in _index(file, cache).items():
            name = f"{file.name}#{key}"
            if entry["image"] is not None:
                places[name] = (number, *entry["image"])
            captions = tuple(entry["captions"])
            if entry["image"] is None and not captions:
                continue  # such as the statistics that img2dataset leaves
            image = None if entry["image"] is None else name
            samples.append(Sample(name, image, captions, captions[0] if captions else name))
    root = TarRoot(files, places)
    if not samples:
        raise DataError(f"{root.name} holds no sample")
    return root, tuple(samples)


class TarRoot:
    """A `gcl_spec.data.root.Root` that reads members by their offset."""

    def __init__(self, files: Sequence[Path], places: dict[str, tuple[int, int, int]]) -> None:
        self.name = f"{files[0]}" if len(files) == 1 else f"{files[0].parent} ({len(files)} shards)"
        self._files, self._places = list(files), places
        self._beside = FolderRoot(files[0].parent)

    def read_bytes(self, path: str, /) -> bytes:
        """See `Root`."""
        if path not in self._places:
            return self._beside.read_bytes(path)
        number, offset, size = self._places[path]
        try:
            with self._files[number].open("rb") as file:
                file.seek(offset)
                data = file.read(size)
        except OSError as error:
            raise DataError(f"{self._files[number]}: cannot be read: {error.strerror}") from error
        if len(data) < size:
            raise DataError(f"{self._files[number]}: cut off since it was indexed")
        return data

    def exists(self, path: str, /) -> bool:
        """See `Root`."""
        return path in self._places or self._beside.exists(path)

    def folders(self, path: str, /) -> list[str]:
        """See `Root`; those beside the shards, which may hold tasks."""
        return self._beside.folders(path)


def _index(file: Path, cache: Path) -> dict[str, dict[str, Any]]:
    """By key: "image" (offset, size) or None, and "captions"."""
    try:
        about = file.stat()
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror}") from error
    identity = f"{file.resolve()} {about.st_size} {about.st_mtime_ns} {_INDEX_VERSION}"
    kept = cache / "tar" / f"{hashlib.sha256(identity.encode()).hexdigest()}.json"
    try:
        found: dict[str, dict[str, Any]] = json.loads(kept.read_text())
    except (OSError, ValueError):
        found = _read_index(file)
        with suppress(OSError, CheckpointError):  # it is only slower without
            kept.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(kept) as out:
                out.write(json.dumps(found).encode())
    return found


def _read_index(file: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    try:
        with tarfile.open(file, "r:") as archive:
            for member in archive:
                if member.isfile():
                    _add_member(found, archive, member, file)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(f"{file}: a damaged or cut-off tar file: {error}") from error
    return found


def _add_member(
    found: dict[str, dict[str, Any]], archive: tarfile.TarFile, member: tarfile.TarInfo, file: Path
) -> None:
    folder, _, base = member.name.rpartition("/")
    stem, _, kind = base.partition(".")
    kind = f".{kind.lower()}"
    key = f"{folder}/{stem}" if folder else stem
    if kind in _PICTURES:
        entry = found.setdefault(key, {"image": None, "captions": []})
        entry["image"] = [member.offset_data, member.size]
    elif kind in (".txt", ".json"):
        content = archive.extractfile(member)
        assert content is not None
        caption = _caption(content.read(), kind, f"{file}: {member.name}")
        if caption:
            entry = found.setdefault(key, {"image": None, "captions": []})
            # Both tell the same; the JSON file is the more careful one.
            if kind == ".json" or not entry["captions"]:
                entry["captions"] = [caption]


def _caption(content: bytes, kind: str, place: str) -> str | None:
    try:
        text = content.decode("utf-8")
        value = text if kind == ".txt" else json.loads(text)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise DataError(f"{place}: cannot be read: {error}") from error
    if kind == ".json":
        value = value.get("caption") if isinstance(value, dict) else None
    return value.strip() if isinstance(value, str) else None
