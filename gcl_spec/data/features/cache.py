"""Tower outputs on disk, by the content from which they were computed."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from gcl_spec._files.atomic import atomic_write, remove_stale
from gcl_spec._files.checksum import checksum
from gcl_spec._files.os_errors import tidying
from gcl_spec._typing import FloatArray
from gcl_spec.config.cache_folder import cache_errors

__all__ = ["FeatureCache"]

_DIGEST = hashlib.sha256().digest_size
_NAMES = r"(image|text|video)-[0-9a-f]{16}(\.part-[0-9a-f]{16})?\.safetensors"
"""The names of all parts: a killed process may leave half of one that nobody writes again."""


class FeatureCache:
    """Rows (F,) float32 by the SHA-256 of a picture's or a text's content, in hexadecimal.

    The cache is one file. While a long pass goes on it has a part for every `add`, so that an
    interrupted pass loses little and nothing is written twice; `merge` makes one file of all.

    Args:
        folder: the folder of the files, which is made when something is written.
        kind: the beginning of the files' names.
        key: all that the rows depend on beside the content; another key means other files.
    """

    def __init__(self, folder: Path, kind: str, key: str) -> None:
        self._stem = f"{kind}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
        self.path = folder / f"{self._stem}.safetensors"
        self._parts: set[Path] = set()

    def read(self) -> tuple[dict[str, FloatArray], tuple[str, ...]]:
        """All rows (F,) by digest, and a line about each damaged file, whose rows are missing.

        It removes what killed processes left half-written.
        """
        remove_stale(self.path.parent, _NAMES)
        with tidying("look for tower outputs in", self.path.parent):
            self._parts |= set(self.path.parent.glob(f"{self._stem}.part-*.safetensors"))
        rows: dict[str, FloatArray] = {}
        warnings = []
        for path in (self.path, *sorted(self._parts)):
            try:
                rows |= _read(path)
            except FileNotFoundError:  # there is none yet, or another process has just merged it
                continue
            except (OSError, SafetensorError, ValueError) as error:
                what = f"{path}: damaged cache of tower outputs ({error})"
                warnings.append(f"{what}; its rows are computed anew")
        return rows, tuple(warnings)

    def add(self, rows: Mapping[str, FloatArray]) -> None:
        """Keep further rows (F,) by digest; a `FileError` where they cannot be written."""
        # A part is named by its content: processes that fill one cache at a time do not overwrite
        # each other's parts.
        name = hashlib.sha256("".join(rows).encode()).hexdigest()[:16]
        path = self.path.with_name(f"{self._stem}.part-{name}.safetensors")
        _write(path, rows)
        self._parts.add(path)

    def merge(self, rows: Mapping[str, FloatArray]) -> None:
        """Put all rows into one file, and remove the parts that were read or added.

        Args:
            rows: the rows (F,) of the whole cache, by digest.

        Raises:
            FileError: it cannot be written; the parts stay.
        """
        _write(self.path, rows)
        for part in self._parts:
            with tidying("remove", part):
                part.unlink(missing_ok=True)
        self._parts.clear()

    @property
    def in_parts(self) -> bool:
        """Are there parts to merge?"""
        return bool(self._parts)


def _read(path: Path) -> dict[str, FloatArray]:
    """The rows (F,) of a file; a `ValueError` says why they cannot be what was written."""
    path.stat()  # safe_open's own error for a missing file differs between versions
    with safe_open(path, framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        kept = (file.metadata() or {}).get("sha256")
    if checksum(arrays) != kept:
        raise ValueError("its checksum does not fit")
    for name in ("digests", "features"):
        if name not in arrays:
            raise ValueError(f"no {name}")
    digests, features = arrays["digests"], arrays["features"]
    if digests.dtype != np.uint8 or digests.ndim != 2 or digests.shape[1] != _DIGEST:
        raise ValueError(f"{digests.dtype} digests of shape {digests.shape}")
    if features.dtype != np.float32:
        raise ValueError(f"features are {features.dtype}")
    if features.ndim != 2 or len(features) != len(digests):
        raise ValueError(f"features of shape {features.shape} for {len(digests)} digests")
    if not np.all(np.isfinite(features)):
        raise ValueError("features hold NaN or Inf")
    return dict(zip((row.tobytes().hex() for row in digests), features, strict=True))


def _write(path: Path, rows: Mapping[str, FloatArray]) -> None:
    arrays = {
        "digests": np.asarray([list(bytes.fromhex(digest)) for digest in rows], np.uint8),
        "features": np.stack(list(rows.values())),
    }
    with cache_errors(), atomic_write(path) as file:
        file.write(save(arrays, {"sha256": checksum(arrays)}))
