"""Frames of videos on disk, by the content of the file from which they were decoded."""

import hashlib
import os
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from gcl_spec._files.atomic import atomic_write, remove_stale
from gcl_spec._files.checksum import checksum
from gcl_spec.config.cache_folder import cache_errors, cache_folder
from gcl_spec.config.options import DataConfig

__all__ = ["FrameCache", "frame_cache"]

Pixels = npt.NDArray[np.uint8]

_ENDING = ".frames"
_NAMES = rf"[0-9a-f]{{64}}\{_ENDING}"
_SHARE = 100  # the files are counted again after writing 1 / _SHARE of the allowed bytes


class FrameCache:
    """Arrays of pixels by a key and a name; several threads and processes may use one folder.

    A file that is damaged counts as missing, and is then written anew. Nothing is ever removed to
    make room: of a data set that is larger than the cache, the same videos are kept in all epochs.

    Args:
        folder: the folder of the files, which is made when something is written.
        most: the bytes that they may have together; further ones are not kept.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self._folder, self._most = folder, most
        self._lock = Lock()
        self._size: int | None = None
        self._added = 0

    def get(self, key: str, name: str) -> Pixels | None:
        """The pixels of this key and name, (F, H, W, 3) uint8; None where they are not kept.

        Args:
            key: all that they depend on beside the content.
            name: the SHA-256 of the content, in hexadecimal.
        """
        try:
            return _read(self._path(key, name), key)
        except (LookupError, OSError, SafetensorError, ValueError):
            return None

    def put(self, key: str, name: str, frames: Pixels) -> None:
        """Keep pixels, (F, H, W, 3) uint8, where there is room; `get` says what the others are.

        Raises:
            FileError: they cannot be written.
        """
        if not self._takes(frames.nbytes):
            return
        path, arrays = self._path(key, name), {"frames": frames}
        with cache_errors("or no cache by data.frame_cache=0"), atomic_write(path) as file:
            file.write(save(arrays, {"sha256": checksum(arrays, key)}))

    def _path(self, key: str, name: str) -> Path:
        kind = hashlib.sha256(key.encode()).hexdigest()[:16]
        return self._folder / kind / name[:2] / f"{name}{_ENDING}"

    def _takes(self, size: int) -> bool:
        """Is there room for so many bytes? If so, they are counted as used."""
        with self._lock:
            if self._size is None or self._added > self._most / _SHARE:
                # Other processes write there, too.
                self._size, self._added = _size_of(self._folder, first=self._size is None), 0
            if self._size + self._added + size > self._most:
                return False
            self._added += size
            return True


def frame_cache(data: DataConfig) -> FrameCache | None:
    """The cache of `data.frame_cache` gigabytes in the folder of caches; None for 0."""
    most = int(data.frame_cache * 1e9)
    return FrameCache(cache_folder(data) / "frames", most) if most else None


def _read(path: Path, key: str) -> Pixels:
    """The pixels of a file; a `ValueError` where they cannot be what was written."""
    path.stat()  # safe_open's own error for a missing file differs between versions
    with safe_open(path, framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        kept = (file.metadata() or {}).get("sha256")
    if checksum(arrays, key) != kept:
        raise ValueError("its checksum does not fit")
    frames: Pixels = arrays["frames"]
    return frames


def _size_of(folder: Path, *, first: bool) -> int:
    """The bytes of all files of the cache; at first, what killed processes left is removed."""
    total = 0
    for place, _, names in os.walk(folder):
        if first and any(name.startswith(".") for name in names):
            remove_stale(Path(place), _NAMES)
        for name in names:
            try:
                total += (Path(place) / name).stat().st_size
            except OSError:  # another process has removed or renamed it
                continue
    return total
