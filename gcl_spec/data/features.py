"""Outputs of frozen towers: computed once for each picture and text, kept on disk by content."""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from gcl_spec._files import atomic_write
from gcl_spec._typing import FloatArray, IntArray
from gcl_spec.batch import Batch
from gcl_spec.config import Config
from gcl_spec.data.collate import Collator, assemble
from gcl_spec.data.images import ImageInput
from gcl_spec.errors import DataError
from gcl_spec.towers import image_tower_key, text_tower_key

__all__ = ["FeatureStore", "cache_folder"]

Progress = Callable[[str, int, int], None]
"""Called with (what, done, total)."""

_BATCH = 32  # activations of a larger batch leave the processor's cache


def cache_folder(config: Config) -> Path:
    """Where tower outputs are kept: the config's folder, $GCL_CACHE, or ~/.cache/gcl-spec."""
    default = os.environ.get("GCL_CACHE") or Path.home() / ".cache" / "gcl-spec"
    return Path(config.data.cache or default).expanduser()


class FeatureStore:
    """A `Collate` that gives tower outputs instead of pixels and tokens.

    `compute` is the trainer's `features`. `prepare` computes and caches what is not there yet;
    afterwards the store knows only what was prepared.
    """

    def __init__(
        self,
        config: Config,
        collator: Collator,
        compute: Callable[[Batch], Mapping[str, FloatArray]],
    ) -> None:
        self._collator = collator
        self._compute = compute
        folder = cache_folder(config)
        self._files = {
            "image": _file(folder, "image", image_tower_key(config.model)),
            "text": _file(folder, "text", text_tower_key(config.model)),
        }
        self._rows: dict[str, dict[str, FloatArray]] = {"image": {}, "text": {}}

    def prepare(
        self, images: Iterable[str], texts: Iterable[str], progress: Progress | None = None
    ) -> None:
        """Have the outputs of these pictures and texts ready.

        Raises:
            DataError: an unreadable picture. CheckpointError: the cache cannot be written.
        """
        for kind, items in (("image", images), ("text", texts)):
            wanted = {item: self._digest(kind, item) for item in dict.fromkeys(items)}
            found = _read_cache(self._files[kind])
            missing = {digest: item for item, digest in wanted.items() if digest not in found}
            if missing:
                found |= self._compute_all(kind, missing, progress)
                _write_cache(self._files[kind], found)
            self._rows[kind] |= {item: found[digest] for item, digest in wanted.items()}

    def __call__(
        self,
        images: Sequence[ImageInput | None],
        texts: Sequence[str | None],
        ids: IntArray | None = None,
        /,
    ) -> Batch:
        """See `Collate`."""
        inputs: dict[str, npt.NDArray[np.generic]] = {}
        for kind, items in (("image", images), ("text", texts)):
            rows = self._rows[kind]
            if any(item is not None for item in items):
                if not rows:
                    raise DataError(f"no {kind} was prepared; call prepare first")
                zero = np.zeros_like(next(iter(rows.values())))
                found = [zero if item is None else self._row(kind, item) for item in items]
                inputs[f"{kind}/features"] = np.stack(found)
        return assemble(inputs, images, texts, ids)

    def _row(self, kind: str, item: ImageInput) -> FloatArray:
        if not isinstance(item, str) or item not in self._rows[kind]:
            raise DataError(f"{kind} {item!r} was not prepared; call prepare with it first")
        return self._rows[kind][item]

    def _digest(self, kind: str, item: str) -> str:
        content = self._collator.read(item) if kind == "image" else item.encode()
        assert isinstance(content, bytes)
        return hashlib.sha256(content).hexdigest()

    def _compute_all(
        self, kind: str, items: Mapping[str, str], progress: Progress | None
    ) -> dict[str, FloatArray]:
        # Texts of like length together: less padding.
        order = sorted(items.items(), key=lambda pair: len(pair[1]) if kind == "text" else 0)
        rows: dict[str, FloatArray] = {}
        for start in range(0, len(order), _BATCH):
            part = order[start : start + _BATCH]
            values = [item for _, item in part]
            nothing = [None] * len(part)
            batch = (
                self._collator(values, nothing)
                if kind == "image"
                else self._collator(nothing, values)
            )
            computed = self._compute(batch)[kind]
            rows |= {digest: row for (digest, _), row in zip(part, computed, strict=True)}
            if progress is not None:
                progress(f"{kind} tower", min(start + _BATCH, len(order)), len(order))
        return rows


def _file(folder: Path, kind: str, key: str) -> Path:
    return folder / f"{kind}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.safetensors"


def _read_cache(path: Path) -> dict[str, FloatArray]:
    """Rows by digest; none where there is no cache or a damaged one, which is computed anew."""
    try:
        stored = load_file(path)
        digests = [bytes(row).hex() for row in stored["digests"]]
        return dict(zip(digests, stored["features"], strict=True))
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        return {}


def _write_cache(path: Path, rows: Mapping[str, FloatArray]) -> None:
    digests = np.asarray([list(bytes.fromhex(digest)) for digest in rows], np.uint8)
    features = np.stack(list(rows.values()))
    with atomic_write(path) as file:
        file.write(save({"digests": digests, "features": features}))
